"use strict";
(function () {
  var charts = Array.prototype.slice.call(document.querySelectorAll(".chart"));
  var config = { displayModeBar: false, responsive: true };
  charts.forEach(function (chart) {
    var figure = JSON.parse(document.getElementById(chart.dataset.figure).textContent);
    Plotly.newPlot(chart, figure.data, figure.layout, config);
  });
  // A sheet of paper has another width than the window, and nothing on it can be unfolded.
  var folded = [];
  window.addEventListener("beforeprint", function () {
    folded = Array.prototype.slice.call(document.querySelectorAll("details:not([open])"));
    folded.forEach(function (details) {
      details.open = true;
    });
    charts.forEach(function (chart) {
      var width = chart.closest(".beside") ? 325 : 680;
      Plotly.relayout(chart, { autosize: false, width: width });
    });
  });
  window.addEventListener("afterprint", function () {
    folded.forEach(function (details) {
      details.open = false;
    });
    charts.forEach(function (chart) {
      Plotly.relayout(chart, { autosize: true, width: null });
    });
  });
})();
