"""The words of the `sample` source: an invented maker of electric bicycles, its invented rival.

`{b}` is the maker spoken of, `{p}` a part of the bicycle, `{c}` the city of who writes. Fragments
are combined, so that a few hundred of them make many thousands of posts.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

BRAND: Final = "Vorkalune"
RIVAL: Final = "Brenzadri"


@dataclass(frozen=True, slots=True)
class Phrases:
    """Fragments of one language, by what they say."""

    brand: tuple[str, ...]
    rival: tuple[str, ...]
    parts: tuple[str, ...]
    openers: tuple[str, ...]
    praise: tuple[str, ...]
    complaints: tuple[str, ...]
    neutral: tuple[str, ...]
    noise: tuple[str, ...]
    crisis: tuple[str, ...]
    outcry: str
    """What the influential author writes when the crisis breaks out."""
    cry: str
    """The exclamation mark as the language sets it."""
    happy: tuple[str, ...]
    angry: tuple[str, ...]
    edited: str
    tags: tuple[str, ...]
    crisis_tag: str


FRENCH: Final = Phrases(
    brand=(BRAND, BRAND, f"@{BRAND}"),
    rival=(RIVAL, f"@{RIVAL}"),
    parts=("la batterie", "le moteur", "la selle", "l'écran", "le frein arrière",
           "la transmission", "l'antivol", "l'appli", "le porte-bagages", "le chargeur"),
    openers=("", "", "", "Bon.", "Petit retour :", "Alors,", "Après trois mois d'usage :",
             "Ce matin à {c} :", "Franchement,", "Pour info,", "Avis perso :",
             "Je le dis comme je le pense :"),
    praise=(
        "mon {b} est une merveille, je ne reviendrais en arrière pour rien au monde",
        "{b}, c'est du solide : deux hivers et pas une seule panne",
        "le service client de {b} m'a répondu en dix minutes, bravo",
        "je n'ai jamais regretté mon {b}, même dans les côtes de {c}",
        "{b} a changé {p} gratuitement, sans discuter. Chapeau !",
        "quel plaisir de rouler en {b} le dimanche matin",
        "l'autonomie du dernier {b} est impressionnante",
        "très content de {p} sur mon {b}, rien à redire",
        "ma mère, 68 ans, adore son {b} et elle file plus vite que moi",
        "l'atelier {b} de {c} est génial : accueil parfait, prix honnête",
        "{b} a enfin corrigé l'appli, et c'est vraiment bien fait",
        "silencieux, confortable, joli : {b} a tout bon",
    ),
    complaints=(
        "encore un souci avec {p} de mon {b}, j'en ai assez",
        "{b} ne répond plus à mes messages depuis trois semaines, c'est honteux",
        "déçu par {b} : {p} a lâché au bout d'un mois",
        "je ne recommande pas {b}, le montage est bâclé",
        "quarante minutes d'attente au téléphone chez {b} pour rien. Nul.",
        "à ce prix-là, {p} de {b} devrait tenir plus d'une saison",
        "livraison {b} reportée pour la quatrième fois, personne ne s'excuse",
        "la mise à jour de {b} a tout cassé, impossible de déverrouiller mon vélo",
        "{p} grince depuis le premier jour et {b} trouve ça normal…",
        "garantie refusée par {b} pour une rayure, quelle blague",
        "mon {b} est resté bloqué sous la pluie à {c}, merci bien",
        "pas du tout satisfait de {b}, et je ne suis pas le seul",
    ),
    neutral=(
        "{b} ouvre une boutique à {c} le mois prochain",
        "quelqu'un sait comment régler {p} sur un {b} ?",
        "{b} annonce un nouveau cadre pour le printemps",
        "je compare {b} et deux autres marques avant d'acheter",
        "{b} publie ses résultats du trimestre jeudi",
        "vu trois {b} ce matin sur la piste de {c}",
        "essai d'un {b} prévu samedi, je vous raconterai",
        "{b} cherche des mécaniciens dans la région de {c}",
        "la ville de {c} prend des vélos {b} en location longue durée",
        "quelle taille de {b} pour 1 m 72 ?",
    ),
    noise=(
        "le marché de {c} était plein de soleil ce matin",
        "qui regarde le match ce soir ?",
        "recette du jour : tarte aux poireaux, et sans oublier la muscade",
        "le train pour {c} a du retard, comme souvent",
        "j'ai fini ce roman en deux nuits, quelle claque",
        "il pleut sur {c}, parfait pour ne rien faire",
        "mon chat a encore renversé le café sur le clavier",
        "concert gratuit place centrale à {c} vendredi",
        "quelqu'un a un bon plombier à {c} ?",
        "trois kilomètres à pied, ça use",
    ),
    crisis=(
        "la batterie de mon {b} a pris feu pendant la charge, j'ai eu la peur de ma vie",
        "batterie {b} qui fume en pleine charge : danger, débranchez tout",
        "encore une batterie {b} qui surchauffe ! Et toujours aucun rappel",
        "les pompiers sont venus pour un {b} en charge dans notre immeuble à {c}",
        "je ne charge plus mon {b} la nuit, ça fait trop peur",
        "{b} savait pour les batteries et n'a rien dit ? Scandaleux",
        "exigez le rappel des batteries {b}, c'est une honte",
        "remboursez-nous, {b} : une batterie qui fond n'est pas un détail",
    ),
    outcry="Batterie {b} en feu chez une lectrice à {c}. Trois autres cas en une semaine. "
    "{b} refuse de répondre. C'est grave : ne chargez plus sans surveillance.",
    cry=" !",
    happy=("😀", "👏", "❤️", "🚲✨", "😍", "", ""),
    angry=("😡", "🤬", "😤", "👎", "😞", "", ""),
    edited="(corrigé : faute de frappe)",
    tags=("vélo", "vélotaf", "mobilité", "VAE", "test"),
    crisis_tag="batterieVorkalune",
)  # fmt: skip

ENGLISH: Final = Phrases(
    brand=(BRAND, BRAND, f"@{BRAND}"),
    rival=(RIVAL, f"@{RIVAL}"),
    parts=("the battery", "the motor", "the saddle", "the display", "the rear brake",
           "the drivetrain", "the lock", "the app", "the rack", "the charger"),
    openers=("", "", "", "Okay,", "Quick update:", "So,", "Three months in:",
             "This morning in {c}:", "Honestly,", "For the record,", "Hot take:",
             "Just my opinion:", "Not an ad:"),
    praise=(
        "my {b} is wonderful, I would not swap it for anything",
        "{b} is built to last: two winters and not one breakdown",
        "{b} support answered in ten minutes, brilliant",
        "never regretted buying a {b}, not even on the hills around {c}",
        "{b} replaced {p} for free, no questions asked. Respect!",
        "riding a {b} on a Sunday morning is pure joy",
        "the range of the new {b} is impressive",
        "really happy with {p} on my {b}, nothing to complain about",
        "my mum is 68, loves her {b} and leaves me behind on every climb",
        "the {b} workshop in {c} is great: kind people, fair price",
        "{b} finally fixed the app and it works beautifully",
        "quiet, comfy, good looking: {b} got it right",
    ),
    complaints=(
        "yet another problem with {p} on my {b}, I am fed up",
        "{b} has ignored my emails for three weeks, this is shameful",
        "disappointed with {b}: {p} failed after a month",
        "I can't recommend {b}, the assembly is sloppy",
        "forty minutes on hold with {b} for nothing. Useless.",
        "at that price {p} of a {b} should last more than one season",
        "{b} delivery postponed for the fourth time and nobody says sorry",
        "the {b} update broke everything, I can't even unlock my bike",
        "{p} has been squeaking since day one and {b} calls it normal…",
        "{b} refused my warranty claim over a scratch, what a joke",
        "my {b} died in the rain in {c}, thanks a lot",
        "not happy with {b} at all, and I am not the only one",
    ),
    neutral=(
        "{b} opens a shop in {c} next month",
        "does anyone know how to adjust {p} on a {b}?",
        "{b} announces a new frame for spring",
        "comparing {b} with two other makes before I buy",
        "{b} reports its quarterly figures on Thursday",
        "saw three {b} bikes on the {c} cycle path today",
        "test ride on a {b} booked for Saturday, will report back",
        "{b} is hiring mechanics around {c}",
        "the city of {c} leases bicycles from {b}",
        "which {b} size for 5 ft 8?",
    ),
    noise=(
        "the market in {c} was full of sunshine today",
        "who is watching the match tonight?",
        "leek tart for dinner, and do not forget the nutmeg",
        "the train to {c} is late, as usual",
        "finished that novel in two nights, what a ride",
        "rain over {c}, perfect for doing nothing",
        "my cat poured the coffee over the keyboard again",
        "free concert on the main square in {c} this Friday",
        "can anyone recommend a plumber in {c}?",
        "three miles on foot and my shoes gave up",
    ),
    crisis=(
        "my {b} battery caught fire while charging, I was terrified",
        "{b} battery smoking on the charger: danger, unplug it now",
        "another {b} battery overheating! And still no recall",
        "the fire brigade came for a charging {b} in our building in {c}",
        "I no longer charge my {b} at night, it is too scary",
        "{b} knew about the batteries and said nothing? Outrageous",
        "demand a recall of {b} batteries, this is a disgrace",
        "give us our money back, {b}: a melting battery is not a detail",
    ),
    outcry="{b} battery on fire at a reader's home in {c}. Three more cases in a week. "
    "{b} refuses to comment. This is serious: never leave it charging alone.",
    cry="!",
    happy=("😀", "👏", "❤️", "🚲✨", "😍", "", ""),
    angry=("😡", "🤬", "😤", "👎", "😞", "", ""),
    edited="(edited: typo)",
    tags=("ebike", "cycling", "commute", "citybike", "review"),
    crisis_tag="VorkaluneBattery",
)  # fmt: skip

RUSSIAN: Final = Phrases(
    brand=(BRAND, BRAND, "Воркалюн"),
    rival=(RIVAL, "Брензадри"),
    parts=("аккумулятор", "мотор", "руль", "экран", "задний тормоз", "привод",
           "замок", "багажник", "свет", "зарядник"),
    openers=("", "", "", "Итак,", "Коротко:", "Ну что,", "Три месяца спустя:",
             "Сегодня утром, {c}:", "Честно говоря,", "Для сведения:",
             "Моё мнение:", "Не реклама:", "Скажу прямо:"),
    praise=(
        "мой {b} просто чудо, ни на что его не променяю",
        "{b} сделан на совесть: две зимы и ни одной поломки",
        "поддержка {b} ответила за десять минут, молодцы",
        "ни разу не пожалел, что купил {b}",
        "{b} бесплатно заменил {p}, без лишних вопросов. Уважаю!",
        "кататься на {b} в воскресенье утром — одно удовольствие",
        "у нового {b} впечатляющий запас хода",
        "очень доволен: {p} у {b} работает отлично",
        "маме 68, она обожает свой {b} и обгоняет меня на подъёме",
        "мастерская {b} (город {c}) отличная: вежливо и недорого",
        "{b} наконец исправил приложение, теперь всё удобно",
        "тихий, удобный, красивый: {b} лучший",
    ),
    complaints=(
        "опять проблема: {p} у моего {b} не работает, надоело",
        "{b} три недели не отвечает на письма, позор",
        "разочарован: {p} у {b} сломался через месяц",
        "не советую {b}, сборка ужасная",
        "сорок минут ждал ответа от {b}, и всё зря. Кошмар.",
        "за такие деньги {p} у {b} мог бы прожить дольше одного сезона",
        "{b} в четвёртый раз перенёс доставку, и никто не извинился",
        "обновление {b} всё сломало, не могу разблокировать велосипед",
        "{p} скрипит с первого дня, а в {b} говорят, что это нормально…",
        "{b} отказал в гарантии из-за царапины, просто издевательство",
        "мой {b} заглох под дождём, {c}, спасибо большое",
        "совсем не доволен {b}, и я такой не один",
    ),
    neutral=(
        "{b} открывает магазин, {c}, в следующем месяце",
        "кто знает, как настроить {p} на {b}?",
        "{b} объявил о новой раме к весне",
        "сравниваю {b} с двумя другими марками перед покупкой",
        "{b} опубликует отчёт за квартал в четверг",
        "видел утром три велосипеда {b}, {c}",
        "в субботу пробная поездка на {b}, потом расскажу",
        "{b} ищет механиков, {c}",
        "{c}: город берёт велосипеды {b} в долгую аренду",
        "какой размер {b} взять на рост 172?",
    ),
    noise=(
        "на рынке сегодня солнечно, {c}",
        "кто смотрит матч вечером?",
        "на ужин пирог с капустой, главное не забыть укроп",
        "поезд опять опаздывает, {c}",
        "прочитал роман за две ночи, сильная вещь",
        "дождь весь день, {c}, самое время ничего не делать",
        "кот снова вылил кофе на клавиатуру",
        "бесплатный концерт на площади в пятницу, {c}",
        "посоветуйте хорошего сантехника, {c}",
        "пять километров пешком, и ноги гудят",
    ),
    crisis=(
        "аккумулятор моего {b} загорелся во время зарядки, очень испугался",
        "батарея {b} дымится на зарядке: опасно, отключайте",
        "снова перегрев батареи {b}! И никакого отзыва до сих пор",
        "к нам приезжали пожарные из-за {b} на зарядке, {c}",
        "больше не заряжаю {b} ночью, слишком страшно",
        "{b} знал про батареи и молчал? Безобразие",
        "требуйте отзыва батарей {b}, это позор",
        "верните деньги, {b}: расплавленная батарея — не мелочь",
    ),
    outcry="У читательницы загорелась батарея {b}, {c}. Ещё три случая за неделю. "
    "{b} отказывается отвечать. Это серьёзно: не оставляйте на зарядке без присмотра.",
    cry="!",
    happy=("😀", "👏", "❤️", "🚲✨", "😍", "", ")))"),
    angry=("😡", "🤬", "😤", "👎", "😞", "", ""),
    edited="(исправлено: опечатка)",
    tags=("велосипед", "электровелосипед", "город", "обзор", "транспорт"),
    crisis_tag="опаснаябатарея",
)  # fmt: skip

PHRASES: Final[Mapping[str, Phrases]] = {"fr": FRENCH, "en": ENGLISH, "ru": RUSSIAN}


@dataclass(frozen=True, slots=True)
class City:
    """Where posts come from. `offset` is hours east of UTC, `weight` the share of posts."""

    name: str
    country: str
    lang: str
    lat: float
    lon: float
    offset: int
    weight: float


CITIES: Final = (
    City("Paris", "FR", "fr", 48.86, 2.35, 1, 9),
    City("Lyon", "FR", "fr", 45.76, 4.84, 1, 5),
    City("Nantes", "FR", "fr", 47.22, -1.55, 1, 3),
    City("Strasbourg", "FR", "fr", 48.57, 7.75, 1, 3),
    City("Bruxelles", "BE", "fr", 50.85, 4.35, 1, 3),
    City("Genève", "CH", "fr", 46.20, 6.14, 1, 2),
    City("Montréal", "CA", "fr", 45.50, -73.57, -5, 3),
    City("London", "GB", "en", 51.51, -0.13, 0, 6),
    City("Dublin", "IE", "en", 53.35, -6.26, 0, 2),
    City("Bristol", "GB", "en", 51.45, -2.59, 0, 2),
    City("New York", "US", "en", 40.71, -74.01, -5, 5),
    City("Portland", "US", "en", 45.52, -122.68, -8, 3),
    City("Melbourne", "AU", "en", -37.81, 144.96, 11, 2),
    City("Москва", "RU", "ru", 55.76, 37.62, 3, 6),
    City("Санкт-Петербург", "RU", "ru", 59.94, 30.31, 3, 4),
    City("Казань", "RU", "ru", 55.79, 49.11, 3, 2),
    City("Алматы", "KZ", "ru", 43.24, 76.89, 5, 2),
    City("Новосибирск", "RU", "ru", 55.03, 82.92, 7, 2),
)

DAY: Final = (
    0.30, 0.22, 0.18, 0.16, 0.18, 0.28, 0.50, 0.80, 1.00, 0.95, 0.90, 0.95,
    1.05, 1.00, 0.90, 0.90, 0.95, 1.05, 1.15, 1.20, 1.20, 1.05, 0.75, 0.45,
)  # fmt: skip
"""How much is written in each hour of the local day."""

HANDLES: Final = (
    "renard",
    "loutre",
    "heron",
    "badger",
    "otter",
    "magpie",
    "sova",
    "barsuk",
    "zayats",
)
"""Of `demo.<word>.<number>`: nobody could take them for people."""
