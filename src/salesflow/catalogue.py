"""The gadgets that are sold.

Prices lie between 10 and 500, as in the data that the pipeline was first made for. Brands are
invented. A product's name is unique: reports group by it.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final


@dataclass(frozen=True, slots=True)
class Product:
    """A gadget.

    `list_price` is the price of one piece without promotion; `opening_stock` and `reorder_point`
    are pieces, `lead_time_days` days from reorder to arrival; `popularity` is a weight: a product
    with twice the weight is ordered twice as often.
    """

    name: str
    category: str
    brand: str
    list_price: Decimal
    opening_stock: int
    reorder_point: int
    lead_time_days: int
    popularity: int


def _product(
    name: str, category: str, brand: str, price: str, stock: tuple[int, int, int], popularity: int
) -> Product:
    return Product(name, category, brand, Decimal(price), *stock, popularity)


CATALOGUE: Final[tuple[Product, ...]] = (
    _product("Laptop", "computers", "Novatek", "499.00", (900, 250, 14), 60),
    _product("Mini PC", "computers", "Novatek", "329.00", (300, 80, 14), 14),
    _product("Monitor", "computers", "Lumen", "219.90", (500, 140, 12), 26),
    _product("Tablet", "tablets", "Pixora", "289.00", (800, 220, 12), 48),
    _product("E-Reader", "tablets", "Folio", "129.90", (400, 100, 10), 20),
    _product("Drawing Tablet", "tablets", "Pixora", "189.00", (200, 50, 16), 8),
    _product("Phone", "phones", "Pixora", "449.00", (1200, 350, 10), 80),
    _product("Foldable Phone", "phones", "Halyard", "499.90", (150, 40, 21), 7),
    _product("Phone Case", "phones", "Halyard", "18.90", (2500, 600, 5), 62),
    _product("Headphones", "audio", "Aurix", "149.00", (1000, 280, 9), 70),
    _product("Earbuds", "audio", "Aurix", "89.90", (1400, 400, 9), 66),
    _product("Bluetooth Speaker", "audio", "Boomtown", "74.50", (700, 180, 9), 34),
    _product("Soundbar", "audio", "Boomtown", "239.00", (260, 70, 15), 12),
    _product("Microphone", "audio", "Aurix", "99.00", (320, 80, 12), 13),
    _product("Smartwatch", "wearables", "Tempo", "199.00", (650, 170, 11), 38),
    _product("Fitness Tracker", "wearables", "Tempo", "59.90", (800, 200, 8), 30),
    _product("Charger", "accessories", "Voltix", "24.90", (3000, 800, 4), 90),
    _product("Power Bank", "accessories", "Voltix", "39.90", (1500, 400, 5), 52),
    _product("USB Cable", "accessories", "Voltix", "10.90", (4000, 1000, 4), 84),
    _product("Keyboard", "accessories", "Keystone", "69.00", (600, 150, 8), 28),
    _product("Mouse", "accessories", "Keystone", "34.90", (900, 240, 7), 36),
    _product("Webcam", "accessories", "Lumen", "79.00", (450, 120, 10), 18),
    _product("Game Controller", "gaming", "Arcadia", "54.90", (700, 180, 9), 32),
    _product("VR Headset", "gaming", "Arcadia", "399.00", (220, 60, 18), 9),
)
