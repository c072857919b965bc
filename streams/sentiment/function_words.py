"""The commonest function words of the languages Veille reads and of those most like them.

Written out by hand, with what short posts begin and end with. A word stands under every language it
is a word of, so that it speaks for none of them against the others.
"""

from typing import Final

_LISTS: Final = {
    "en": """much never more some any than then really because get got go now here i a the and is
        are was you your i'm my me we they he she his her it it's its this that these those of to
        in on at for with from by not don't can't no but or so if as be been have has had do does
        did will would can could what who how why when where which all just about out up there
        their them our us too very please thanks hello""",
    "fr": """a y l' d' n' si ni chez peu notre votre leur leurs ont font suis été faire le la les
        un une des du de et est sont pas ne je j'ai tu il elle on nous vous ils elles que qui quoi
        c'est ce cette ces ça dans sur pour avec sans mais ou où au aux en par plus très trop bien
        tout tous merci bonjour mon ma mes ton ta tes son sa ses être avoir fait comme même encore
        déjà jamais rien était""",
    "de": """nein ja doch ganz alle alles man war beim vom ins über gegen der die das den dem des
        ein eine einen einem einer und ist sind ich du er sie es wir ihr nicht kein keine mit auf
        für von zu zum zur bei aus nach im in am an als wie was wer wo wenn aber oder auch noch nur
        schon so sehr mir mich dir dich mein meine dein habe hat haben werden wird kann danke bitte
        mal jetzt heute immer dass daß""",
    "es": """a o de da e ni he ha han era son eres tan otra otro vez aquí así les solo sólo el la
        los las un una unos del y que qué no es está están estoy yo tú él ella nosotros me te se le
        lo nos mi mis tu su sus en con por para sin pero como cómo más muy ya si sí hay porque
        cuando donde también este esta esto eso ese esa hoy ahora siempre nunca nada todo todos
        bien gracias tengo voy quiero al fue ser""",
    "it": """a e o al no de me te qui qua lì poi solo essere siamo contro dopo prima senza il lo
        la i gli le un uno una di del della dei delle è sono non che chi cosa mi ti si ci vi io tu
        lui lei noi in con per da dal su nel nella alla ma se come più molto anche ancora già
        perché quando dove questo questa quello mio mia tuo suo ho hai ha abbiamo hanno era oggi
        ora sempre mai niente tutto tutti bene grazie sei fatto""",
    "pt": """à às ó de era foram nem até depois antes num numa eles elas lá cá deu vou quero o a
        os as um uma do da dos das e é são não que quem eu tu você vc ele ela nós me te se lhe meu
        minha seu sua em no na nos nas com por pelo pela para pra pro sem mas ou como mais muito já
        só também está estou tá tô isso isto este esta esse essa aqui hoje agora sempre nunca nada
        tudo todos bem obrigado obrigada tem vai foi ser ao gente né""",
    "ca": """a o e de i no et el la els les un una del dels és són que amb per perquè però jo tu
        ell ella nosaltres em es ens meu meva seu seva als al més molt ja també aquest aquesta això
        avui ara sempre mai res tot tots bé gràcies on quan com hi ha estic tinc vaig""",
    "nl": """die der des te om tot door over de het een en is zijn was ik je jij hij zij we wij
        jullie niet geen met op voor van naar bij uit in aan als hoe wat wie waar maar of ook nog
        al zo mij me mijn dat dit deze heb heeft hebben wordt kan dank nu vandaag altijd er""",
    "ru": """и в во не на я с со что это то как а но по к ко у из за от до о об же бы ли ты мы вы
        он она оно они мне меня тебя тебе его её ее нам нас вам вас их мой моя моё мои твой наш ваш
        этот эта эти тот та так там тут здесь где когда кто какой какая какие почему зачем чтобы
        если или еще ещё уже только очень просто всё все всех нет да был была было были будет есть
        может нужно надо можно сейчас сегодня завтра вчера теперь потом спасибо пожалуйста привет
        блин тоже даже лучше больше хорошо плохо ничего конечно через без для при про""",
    "uk": """і й в у не на я з із зі що це то як а але та по до від за о об же б чи ти ми ви він
        вона воно вони мені мене тебе тобі його її нам нас вам вас їх мій моя моє мої твій наш ваш
        цей ця ці той так там тут де коли хто який яка які чому щоб якщо або ще вже тільки дуже
        просто все всі всіх ні немає був була було були буде є може треба можна зараз сьогодні
        завтра вчора потім дякую будь ласка привіт теж навіть краще більше добре погано нічого
        звичайно через без для при про після""",
    "bg": """и в във не на аз с със че това то как а но по към у из за от до о е са съм си сме бе
        беше бяха ти ние вие той тя те ми ме му го ѝ им ги ни ви се мой моя моите твой наш този
        тази тези така там тук къде кога когато кой коя кои какво каква защо защото да ако или още
        вече само много просто все всички няма има ще може трябва сега днес утре вчера после
        благодаря моля здравей също дори повече добре зле нищо през без при след който която което
        които един една като""",
    "be": """і й у ў не на я з са што гэта то як а але ды па да ад за аб ж бы ці ты мы вы ён яна
        яно яны мне мяне цябе табе яго яе нам нас вам вас іх мой мая твой наш ваш гэты гэтая той
        так там тут дзе калі хто які якая чаму каб яшчэ ўжо толькі вельмі проста ўсё усе няма быў
        была было были будзе ёсць можа трэба можна цяпер сёння заўтра дзякуй""",
    "sr": """и у не на ја са с што то ово као а али по до од за о је су сам си смо сте био била
        било ти ми ви он она оно они ме мене тебе га му нам нас вам вас их мој моја твој наш овај
        ова тај тако ту тамо где када кад ко који која које зашто зато да ако или још већ само
        много просто све сви нема има ће може треба сада данас сутра јуче после хвала добро ништа
        кроз без при шта није""",
}

FUNCTION_WORDS: Final = {code: frozenset(words.split()) for code, words in _LISTS.items()}
