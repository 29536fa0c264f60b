"""Names of simulated persons: as written at home, and the ways to write them in Latin letters."""

# Most frequent first. "native:Latin/Latin"; English names are Latin already.
_GIVEN = {
    "en": (
        "James Mary John Emma Robert Olivia Michael Sophie David Grace William Hannah Thomas Alice "
        "Daniel Laura George Rachel Henry Julia Oliver Zoe Lucas Lucy Adam Megan Ben Amy Jack "
        "Charlotte Harry Ella Samuel Chloe Joseph Ruby Edward Isla Peter Freya Simon Erin Martin "
        "Nora Stephen Clara Patrick Fiona Neil Heather"
    ),
    "fa": (
        "محمد:Mohammad/Mohamad علی:Ali زهرا:Zahra فاطمه:Fatemeh/Fateme رضا:Reza "
        "حسین:Hossein/Hosein مریم:Maryam/Mariam مهدی:Mehdi/Mahdi سارا:Sara/Sarah امیر:Amir "
        "سعید:Saeed/Saeid نرگس:Narges حمید:Hamid لیلا:Leila/Leyla مجید:Majid شیرین:Shirin "
        "ناصر:Naser/Nasser پریسا:Parisa بهرام:Bahram مهسا:Mahsa آرش:Arash نسترن:Nastaran "
        "کیان:Kian الهام:Elham پویا:Pouya/Pooya سمیرا:Samira سیاوش:Siavash نازنین:Nazanin "
        "کامران:Kamran مینا:Mina فرهاد:Farhad آیدا:Aida/Ayda بابک:Babak نگار:Negar احسان:Ehsan "
        "ریحانه:Reyhaneh/Reihane جواد:Javad ملیکا:Melika داوود:Davood/Davoud ندا:Neda اکبر:Akbar "
        "هانیه:Hanieh منصور:Mansour/Mansoor معصومه:Masoumeh یاسر:Yaser سپیده:Sepideh پیمان:Peyman "
        "رویا:Roya کاوه:Kaveh بهار:Bahar"
    ),
    "he": (
        "דוד:David נועה:Noa/Noah יוסף:Yosef/Yossef תמר:Tamar משה:Moshe שרה:Sarah/Sara אורי:Uri/Ori "
        "מאיה:Maya/Maia איתן:Eitan/Etan יעל:Yael יונתן:Yonatan מיכל:Michal/Mikhal נועם:Noam "
        "רוני:Roni/Rony אלון:Alon הילה:Hila גיל:Gil ענת:Anat עומר:Omer שירה:Shira אילן:Ilan "
        "רחל:Rachel/Rahel בועז:Boaz רבקה:Rivka גדעון:Gideon/Gidon לאה:Leah/Lea דן:Dan דינה:Dina "
        "זאב:Zeev אסתר:Esther/Ester יצחק:Yitzhak מרים:Miriam ירון:Yaron חנה:Hanna/Hana מאיר:Meir "
        "אורית:Orit נדב:Nadav גלית:Galit עידו:Ido דפנה:Dafna/Daphna צבי:Tzvi/Zvi טליה:Talia "
        "כרמית:Carmit/Karmit שמעון:Shimon ליאת:Liat תומר:Tomer נטע:Neta עופר:Ofer "
        "סיגל:Sigal רון:Ron"
    ),
}
_FAMILY = {
    "en": (
        "Smith Jones Taylor Brown Williams Wilson Johnson Davies Robinson Wright Thompson Evans "
        "Walker White Roberts Green Hall Wood Jackson Clarke Murphy Baker Hughes Edwards Turner "
        "Hill Moore Clark Harrison Scott Young Morris Cooper Ward Kelly Bell Shaw Price Gray "
        "Bennett Collins Foster Palmer Barnes Mason Hunt Dixon Fletcher Spencer Hart Doyle Burke "
        "Walsh Byrne Nolan Kerr Reid Boyd Frost Lowe"
    ),
    "fa": (
        "محمدی:Mohammadi حسینی:Hosseini/Hoseini احمدی:Ahmadi کریمی:Karimi رضایی:Rezaei/Rezaee "
        "جعفری:Jafari مرادی:Moradi صادقی:Sadeghi اکبری:Akbari یزدانی:Yazdani موسوی:Mousavi/Moosavi "
        "هاشمی:Hashemi قاسمی:Ghasemi رحیمی:Rahimi ابراهیمی:Ebrahimi نوری:Nouri/Noori صالحی:Salehi "
        "کاظمی:Kazemi شریفی:Sharifi امینی:Amini باقری:Bagheri رستمی:Rostami طاهری:Taheri "
        "زارعی:Zarei عباسی:Abbasi/Abasi نجفی:Najafi سلیمانی:Soleimani میرزایی:Mirzaei "
        "فرهادی:Farhadi شجاعی:Shojaei کیانی:Kiani بهرامی:Bahrami تهرانی:Tehrani شیرازی:Shirazi "
        "اصفهانی:Esfahani تبریزی:Tabrizi خسروی:Khosravi داوری:Davari پارسا:Parsa "
        "گودرزی:Goudarzi/Godarzi مقدم:Moghaddam/Moghadam ملکی:Maleki ناظری:Nazeri وحیدی:Vahidi "
        "یوسفی:Yousefi/Yoosefi حیدری:Heidari/Heydari قربانی:Ghorbani فتحی:Fathi لطفی:Lotfi "
        "صفایی:Safaei افشار:Afshar خلیلی:Khalili دهقان:Dehghan راد:Rad زند:Zand سبحانی:Sobhani "
        "شفیعی:Shafiei عظیمی:Azimi غفاری:Ghaffari/Ghafari پناهی:Panahi"
    ),
    "he": (
        "כהן:Cohen/Kohen לוי:Levi/Levy מזרחי:Mizrahi/Mizrachi פרץ:Peretz/Perets ביטון:Biton/Bitton "
        "דהן:Dahan אברהם:Avraham פרידמן:Friedman/Fridman מלכה:Malka אזולאי:Azoulay/Azulai כץ:Katz "
        "שפירא:Shapira עמר:Amar אוחיון:Ohayon חדד:Hadad/Haddad גבאי:Gabay/Gabbai אדרי:Edri "
        "סגל:Segal רוזן:Rozen ברק:Barak שלום:Shalom נחום:Nahum הראל:Harel גרוס:Gross וייס:Weiss "
        "קליין:Klein רוט:Roth/Rot זילבר:Zilber ארד:Arad דגן:Dagan טל:Tal יערי:Yaari לביא:Lavi "
        "מור:Mor ניר:Nir סלע:Sela עוז:Oz פלד:Peled צור:Tzur/Tsur קדם:Kedem רביב:Raviv שגיא:Sagi "
        "תבור:Tavor אשכנזי:Ashkenazi בכר:Bachar/Bahar גורן:Goren דותן:Dotan הרמן:Herman זמיר:Zamir "
        "חסון:Hasson/Hason טולדנו:Toledano כרמי:Carmi/Karmi מנור:Manor נוי:Noy סימון:Simon "
        "שמיר:Shamir גולן:Golan יעקובי:Yaakobi נגר:Nagar ששון:Sasson/Sason"
    ),
}


def _split(words: str) -> list[tuple[str, str, str]]:
    """Return each name at home and in two Latin spellings, which may be the same."""
    made = []
    for word in words.split():
        native, _, latin = word.partition(":")
        spellings = latin.split("/") if latin else [native]
        made.append((native, spellings[0], spellings[-1]))
    return made


GIVEN = {language: _split(words) for language, words in _GIVEN.items()}
FAMILY = {language: _split(words) for language, words in _FAMILY.items()}
