"""The sentences of the simulated feedback, as data.

``{a|b}`` stands for one of its alternatives. A sentence says one thing about one aspect with a
known polarity: 1 praise, -1 blame, 0 a bare fact. The Hebrew
avoids forms that tell the writer's gender.
"""

ASPECTS = ("app", "delivery", "price", "quality", "service")

# By language, aspect and polarity.
SENTENCES: dict[str, dict[str, dict[int, tuple[str, ...]]]] = {
    "en": {
        "app": {
            1: (
                "The {app|website} is {very |really |}{easy to use|clear|fast}.",
                "I love how {simple|smooth} ordering on the {app|website} is.",
                "Search on your website works {great|wonderfully}.",
                "I never have {problems|trouble} with the app, it is {excellent|a pleasure}.",
            ),
            -1: (
                "The {app|website} is {very |really |so }{slow|confusing|annoying}.",
                "The {app|website} {crashes|freezes} all the time, {terrible|how frustrating}.",
                "Paying online failed {twice|again and again}, {awful|very annoying}.",
                "Search on your website does not work well{ at all|}.",
            ),
            0: (
                "I ordered on the {app|website}.",
                "I installed the new version of the app {yesterday|last week}.",
            ),
        },
        "delivery": {
            1: (
                "Delivery was {very |really |}{fast|quick|punctual}.",
                "My parcel arrived {a day early|right on time} and was {perfectly|nicely} packed.",
                "I love how {quickly|reliably} you deliver.",
                "There was no {problem|delay} with the delivery at all, {great|excellent} work.",
            ),
            -1: (
                "Delivery was {very |terribly |}{slow|late}.",
                "My parcel {arrived damaged|got lost|came a week late}, {very |so |}disappointing.",
                "The {courier|driver} was {rude|careless} and the box was {crushed|torn}.",
                "The parcel did not come on the promised day, {awful|terrible} planning.",
            ),
            0: (
                "The parcel arrived on {Monday|Tuesday|Thursday}.",
                "The order was delivered to {my office|a pick-up point|my neighbour}.",
            ),
        },
        "price": {
            1: (
                "Prices are {very |really |}{fair|good|attractive}.",
                "This was {great|excellent} value for the money.",
                "I am {very |really |}happy with the {discount|price}.",
                "It is not expensive{ at all|} and worth every penny.",
            ),
            -1: (
                "Prices are {far |much |}too high.",
                "It is {really |simply |}not worth the money.",
                "The discount was {misleading|a lie}, and I {regret buying|feel cheated}.",
                "I paid too much for this, {very |so |}disappointing.",
            ),
            0: (
                "I paid by {card|bank transfer|gift card}.",
                "The price was printed on the {invoice|label}.",
            ),
        },
        "quality": {
            1: (
                "The quality is {very |really |}{good|high}.",
                "The product is {solid and durable|beautifully made}, and I love it.",
                "It is exactly as described, {excellent|great}.",
                "I have not found a single {flaw|defect}, {excellent|great} quality.",
            ),
            -1: (
                "The quality is {very |really |}{poor|bad|low}.",
                "The product broke after {two days|a week}, {what a disappointment|terrible}.",
                "It does not look like the picture{ at all|}, I am {very |so |}disappointed.",
                "The quality is not good{ at all|}.",
            ),
            0: (
                "I ordered it in {blue|white|green}.",
                "The pack was the {small|medium|large} size.",
            ),
        },
        "service": {
            1: (
                "Customer service was {very |really |}{friendly|helpful|patient}.",
                "My problem was solved {quickly|in one call}, {thank you|great job}.",
                "The support team gave me {excellent|wonderful} help.",
                "Your service has never disappointed me{, thank you|}.",
            ),
            -1: (
                "Customer service was {very |really |}{rude|unhelpful|slow}.",
                "Nobody answered my {email|message|complaint}, {terrible|how frustrating}.",
                "I waited {an hour|forever} on the line and the problem was not solved.",
                "The support team was not helpful{ at all|}.",
            ),
            0: (
                "I called customer service about {the invoice|my address|the delivery date}.",
                "The helpline asked for my {order|tracking} number.",
            ),
        },
    },
    "fa": {
        "app": {
            1: (
                "کار با {اپلیکیشن|سایت} {خیلی |واقعاً |}{راحت|ساده} است.",
                "{اپلیکیشن|سایت} {سریع و روان|مرتب و خوش‌ساخت} است و از آن لذت می‌برم.",
                "جست‌وجوی محصولات در سایت {عالی|خیلی خوب} کار می‌کند.",
                "پرداخت آنلاین بدون هیچ مشکلی انجام شد، {عالی|بسیار خوب} بود.",
            ),
            -1: (
                "{اپلیکیشن|سایت} {خیلی |واقعاً |}{کند|گیج‌کننده} است.",
                "{اپلیکیشن|سایت} {مدام|هر روز} {قطع می‌شود|خطا می‌دهد} و کلافه‌ام می‌کند.",
                "پرداخت {دو بار|چند بار} ناموفق بود، {افتضاح|خیلی بد} است.",
                "جست‌وجوی سایت {اصلاً |به‌هیچ‌وجه }خوب کار نمی‌کند.",
            ),
            0: (
                "سفارش را از {اپلیکیشن|سایت} ثبت کردم.",
                "{دیروز|هفتهٔ پیش} نسخهٔ جدید اپلیکیشن را نصب کردم.",
            ),
        },
        "delivery": {
            1: (
                "ارسال سفارش {خیلی |واقعاً |}{سریع|به‌موقع} بود.",
                "بسته {یک روز زودتر|درست سر وقت} رسید و {خیلی خوب|با دقت} بسته‌بندی شده بود.",
                "از سرعت ارسال شما {خیلی |واقعاً |}راضی هستم.",
                "هیچ {مشکلی|تأخیری} در تحویل نداشتم، {عالی|بی‌نقص} بود.",
            ),
            -1: (
                "ارسال سفارش {خیلی |واقعاً |}{کند|نامنظم} بود.",
                "بسته {آسیب‌دیده|یک هفته دیرتر} به دستم رسید و {خیلی |واقعاً |}ناامید شدم.",
                "رفتار پیک {بد|بی‌ادبانه} بود و جعبه {پاره|له} شده بود.",
                "سفارشم در روز وعده‌داده‌شده نرسید، {افتضاح|خیلی بد} بود.",
            ),
            0: (
                "بسته روز {شنبه|دوشنبه|چهارشنبه} رسید.",
                "سفارش به {محل کارم|خانه|همسایه‌ام} تحویل داده شد.",
            ),
        },
        "price": {
            1: (
                "قیمت‌ها {خیلی |واقعاً |}{مناسب|منصفانه} است.",
                "نسبت به کیفیتش {خیلی |واقعاً |}به‌صرفه بود.",
                "با این تخفیف خرید {خیلی خوبی|فوق‌العاده‌ای} کردم.",
                "قیمت از فروشگاه‌های دیگر {کمتر|پایین‌تر} است و از این بابت خوشحالم.",
            ),
            -1: (
                "قیمت‌ها {خیلی |بیش از حد |}{بالا|زیاد} است.",
                "این محصول {اصلاً |واقعاً |}ارزش این قیمت را نداشت.",
                "تخفیف {دروغین|فریبنده} بود و از خریدم پشیمانم.",
                "برای چنین کالایی پول زیادی گرفتید، {ناامیدکننده|غیرمنصفانه} است.",
            ),
            0: (
                "با {کارت بانکی|کیف پول|کارت هدیه} پرداخت کردم.",
                "قیمت روی {فاکتور|برچسب} نوشته شده بود.",
            ),
        },
        "quality": {
            1: (
                "کیفیت محصول {خیلی |واقعاً |}{خوب|عالی} بود.",
                "جنس کالا {محکم و بادوام|مرغوب} است و از آن راضی‌ام.",
                "محصول {دقیقاً|کاملاً} مطابق توضیحات بود و {خیلی |واقعاً |}دوستش دارم.",
                "تا حالا هیچ ایرادی در آن ندیده‌ام، {عالی|بی‌نظیر} است.",
            ),
            -1: (
                "کیفیت محصول {خیلی |واقعاً |}{بد|پایین} بود.",
                "محصول بعد از {دو روز|یک هفته} خراب شد، {افتضاح|خیلی بد} است.",
                "کالا {اصلاً |به‌هیچ‌وجه }شبیه عکس نبود و ناامید شدم.",
                "از کیفیت آن {اصلاً |به‌هیچ‌وجه }راضی نیستم.",
            ),
            0: (
                "محصول را در رنگ {آبی|سفید|سبز} سفارش دادم.",
                "اندازهٔ بسته {کوچک|متوسط|بزرگ} بود.",
            ),
        },
        "service": {
            1: (
                "پشتیبانی {خیلی |واقعاً |}{مؤدب|صبور|خوش‌برخورد} بود.",
                "مشکلم {خیلی سریع|با یک تماس} حل شد، ممنونم.",
                "پاسخ‌گویی کارکنان {عالی|بی‌نقص|فوق‌العاده} بود.",
                "هیچ‌وقت از خدمات شما ناراضی نبوده‌ام{، ممنونم|}.",
            ),
            -1: (
                "پشتیبانی {خیلی |واقعاً |}{بی‌ادب|بی‌حوصله} بود.",
                "هیچ‌کس به {ایمیلم|پیامم|شکایتم} جواب نداد، {افتضاح|خیلی بد} است.",
                "{یک ساعت|خیلی} پشت خط ماندم و مشکلم حل نشد.",
                "پاسخ‌گویی شما {اصلاً |به‌هیچ‌وجه }خوب نبود.",
            ),
            0: (
                "دربارهٔ {فاکتور|نشانی|زمان تحویل} با پشتیبانی تماس گرفتم.",
                "کارشناس شمارهٔ {سفارش|پیگیری} را پرسید.",
            ),
        },
    },
    "he": {
        "app": {
            1: (
                "{האתר|היישומון} {נוח|מהיר|ידידותי}{ מאוד| במיוחד|}.",
                "נהניתי להזמין ב{אתר|יישומון}, הכול {פשוט וברור|מהיר ונוח}.",
                "החיפוש באתר עובד {מצוין|נהדר}.",
                "התשלום באתר עבר בלי שום {בעיה|תקלה}, {מעולה|מצוין}.",
            ),
            -1: (
                "{האתר|היישומון} {איטי|מסורבל|מבלבל}{ מאוד| במיוחד|}.",
                "{האתר|היישומון} {קורס|נתקע} {כל הזמן|בכל הזמנה}, {מתסכל|מעצבן}{ מאוד|}.",
                "התשלום נכשל {פעמיים|שוב ושוב}, {ממש גרוע|פשוט נורא}.",
                "החיפוש באתר {לא עובד טוב|ממש לא עובד}.",
            ),
            0: (
                "ביצעתי את ההזמנה ב{אתר|יישומון}.",
                "התקנתי {אתמול|בשבוע שעבר} את הגרסה החדשה של היישומון.",
            ),
        },
        "delivery": {
            1: (
                "המשלוח היה {מהיר|מדויק}{ מאוד| במיוחד|}.",
                "החבילה הגיעה {יום לפני הזמן|בדיוק בזמן} והייתה ארוזה {היטב|בקפידה}.",
                "נהניתי מ{משלוח מהיר ואמין|שליח אדיב ומהיר}.",
                "לא היה שום {עיכוב|קושי} במשלוח, {מצוין|נפלא}.",
            ),
            -1: (
                "המשלוח היה {איטי|גרוע}{ מאוד| במיוחד|}.",
                "החבילה הגיעה {פגומה|קרועה|באיחור של שבוע} והתאכזבתי{ מאוד|}.",
                "השליח היה {גס רוח|רשלן} והקופסה הייתה {מעוכה|קרועה}.",
                "ההזמנה לא הגיעה במועד שהובטח, {ממש גרוע|פשוט נורא}.",
            ),
            0: (
                "החבילה הגיעה ביום {ראשון|שלישי|חמישי}.",
                "ההזמנה נמסרה {במשרד|בנקודת איסוף|לשכנים}.",
            ),
        },
        "price": {
            1: (
                "המחיר {הוגן|משתלם}{ מאוד| במיוחד|}.",
                "המחירים כאן {נמוכים|טובים} יותר מאשר בחנויות אחרות, {איזה כיף|מעולה}.",
                "קיבלתי {הנחה נהדרת|תמורה מצוינת לכסף}.",
                "לא יקר {בכלל |}ושווה כל שקל.",
            ),
            -1: (
                "המחיר גבוה{ מאוד| מדי| באופן מוגזם}.",
                "המוצר {ממש |פשוט |}לא שווה את הכסף.",
                "ההנחה {התבררה כמטעה|לא הייתה אמיתית} והתחרטתי על הקנייה.",
                "שילמתי יותר מדי על מוצר כזה, {מאכזב מאוד|ממש לא הוגן}.",
            ),
            0: (
                "שילמתי ב{כרטיס אשראי|מזומן|כרטיס מתנה}.",
                "המחיר היה רשום על {החשבונית|התווית}.",
            ),
        },
        "quality": {
            1: (
                "איכות המוצר {טובה|גבוהה}{ מאוד| במיוחד|}.",
                "המוצר {חזק ועמיד|יפה ומושקע} ונהניתי ממנו{ מאוד|}.",
                "המוצר {תואם בדיוק את התיאור|נראה בדיוק כמו בתמונה}, {מעולה|נהדר}.",
                "לא מצאתי שום {פגם|חיסרון}, {מוצר מושלם|איכות מעולה}.",
            ),
            -1: (
                "איכות המוצר {ירודה|גרועה|נמוכה}{ מאוד| במיוחד|}.",
                "המוצר {התקלקל|נשבר} אחרי {יומיים|שבוע}, {מאכזב|גרוע}{ מאוד|}.",
                "המוצר {בכלל |ממש |}לא דומה לתמונה, {איזו אכזבה|מאכזב מאוד}.",
                "האיכות {לא טובה בכלל|רחוקה מלהיות טובה}.",
            ),
            0: (
                "הזמנתי את המוצר בצבע {כחול|לבן|ירוק}.",
                "האריזה הייתה בגודל {קטן|בינוני|גדול}.",
            ),
        },
        "service": {
            1: (
                "השירות היה {אדיב|מקצועי|יעיל}{ מאוד| במיוחד|}.",
                "הבעיה נפתרה {במהירות|בשיחה אחת}, {תודה רבה|כל הכבוד}.",
                "קיבלתי {יחס נהדר|מענה מצוין} מצוות התמיכה.",
                "אף פעם לא התאכזבתי מהשירות{ שלכם|}, {מעולה|נפלא}.",
            ),
            -1: (
                "השירות היה {גס|איטי|מזלזל}{ מאוד| במיוחד|}.",
                "אף אחד לא ענה {להודעה|לתלונה|לפנייה} שלי, {ממש מאכזב|מתסכל מאוד}.",
                "חיכיתי {שעה|זמן רב} על הקו והבעיה לא נפתרה.",
                "השירות {לא טוב בכלל|רחוק מלהיות טוב}.",
            ),
            0: (
                "פניתי לתמיכה בעניין {החשבונית|הכתובת|מועד האספקה}.",
                "בשיחה נשאלתי על מספר {ההזמנה|המשלוח}.",
            ),
        },
    },
}

# By language, aspect and polarity: one clause, to be joined to another by a connector.
CLAUSES: dict[str, dict[str, dict[int, str]]] = {
    "en": {
        "app": {1: "the website is {very |}easy to use", -1: "the website is {very |}slow"},
        "delivery": {1: "the delivery was {very |}fast", -1: "the delivery was {very |}late"},
        "price": {1: "the price is {very |}good", -1: "the price is {far |}too high"},
        "quality": {1: "the quality is {very |}good", -1: "the quality is {very |}poor"},
        "service": {1: "the service was {very |}friendly", -1: "the service was {very |}rude"},
    },
    "fa": {
        "app": {1: "کار با سایت {خیلی |}راحت بود", -1: "سایت {خیلی |}کند بود"},
        "delivery": {1: "ارسال {خیلی |}سریع بود", -1: "ارسال {خیلی |}کند بود"},
        "price": {1: "قیمت {خیلی |}مناسب بود", -1: "قیمت {خیلی |}بالا بود"},
        "quality": {1: "کیفیت محصول {خیلی |}خوب بود", -1: "کیفیت محصول {خیلی |}بد بود"},
        "service": {1: "پشتیبانی {خیلی |}خوش‌برخورد بود", -1: "پشتیبانی {خیلی |}بی‌ادب بود"},
    },
    "he": {
        "app": {1: "האתר היה נוח{ מאוד|}", -1: "האתר היה איטי{ מאוד|}"},
        "delivery": {1: "המשלוח היה מהיר{ מאוד|}", -1: "המשלוח היה איטי{ מאוד|}"},
        "price": {1: "המחיר היה הוגן{ מאוד|}", -1: "המחיר היה גבוה{ מדי|}"},
        "quality": {1: "איכות המוצר הייתה טובה{ מאוד|}", -1: "איכות המוצר הייתה ירודה{ מאוד|}"},
        "service": {1: "השירות היה אדיב{ מאוד|}", -1: "השירות היה גס{ מאוד|}"},
    },
}

CONNECTORS: dict[str, tuple[str, ...]] = {
    "en": (", but ", "; however, "),
    "fa": ("، ولی ", "، اما "),
    "he": (", אבל ", ", אך ", ", אולם "),
}

# What may stand before any text, without an opinion of its own.
OPENERS: dict[str, tuple[str, ...]] = {
    "en": (
        "",
        "I ordered last week. ",
        "This was my second order. ",
        "I bought it for my mother. ",
    ),
    "fa": ("", "هفتهٔ پیش سفارش دادم. ", "این دومین خریدم بود. ", "برای مادرم سفارش دادم. "),
    "he": ("", "הזמנתי בשבוע שעבר. ", "זו הייתה ההזמנה השנייה שלי. ", "הזמנתי מתנה לאימא. "),
}
