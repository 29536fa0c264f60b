"""Names and places of the simulated customers, by language; all lists are equally long."""

# By language: women's names, men's names.
FIRST_NAMES: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {
    "en": (
        ("Alice", "Emma", "Grace", "Hannah", "Julia", "Laura", "Olivia", "Sophie", "Rachel", "Zoe"),
        (
            "Adam",
            "Ben",
            "Daniel",
            "George",
            "Henry",
            "James",
            "Lucas",
            "Oliver",
            "Thomas",
            "William",
        ),
    ),
    "fa": (
        ("زهرا", "مریم", "فاطمه", "سارا", "نرگس", "لیلا", "شیرین", "نسترن", "پریسا", "مهسا"),
        ("علی", "محمد", "رضا", "حسین", "امیر", "مهدی", "سعید", "کیان", "آرش", "بهرام"),
    ),
    "he": (
        ("נועה", "תמר", "מאיה", "שרה", "יעל", "רוני", "מיכל", "הילה", "ענת", "שירה"),
        ("דוד", "יוסף", "אורי", "איתן", "משה", "יונתן", "נועם", "אלון", "גיל", "עומר"),
    ),
}

LAST_NAMES: dict[str, tuple[str, ...]] = {
    "en": (
        "Baker",
        "Clark",
        "Davies",
        "Evans",
        "Green",
        "Hughes",
        "Murphy",
        "Smith",
        "Taylor",
        "Wood",
    ),
    "fa": (
        "احمدی",
        "محمدی",
        "کریمی",
        "حسینی",
        "رضایی",
        "جعفری",
        "مرادی",
        "صادقی",
        "اکبری",
        "یزدانی",
    ),
    "he": ("כהן", "לוי", "מזרחי", "פרץ", "ביטון", "אברהם", "פרידמן", "שפירא", "כץ", "גולן"),
}

# By language: country and city.
PLACES: dict[str, tuple[tuple[str, str], ...]] = {
    "en": (
        ("United Kingdom", "London"),
        ("United Kingdom", "Leeds"),
        ("United Kingdom", "Glasgow"),
        ("Ireland", "Dublin"),
        ("Ireland", "Cork"),
    ),
    "fa": (
        ("Iran", "Tehran"),
        ("Iran", "Isfahan"),
        ("Iran", "Shiraz"),
        ("Iran", "Tabriz"),
        ("Iran", "Mashhad"),
    ),
    "he": (
        ("Israel", "Tel Aviv"),
        ("Israel", "Jerusalem"),
        ("Israel", "Haifa"),
        ("Israel", "Beersheba"),
        ("Israel", "Netanya"),
    ),
}
