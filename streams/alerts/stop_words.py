"""Words that say nothing of what a post is about, in French, Russian and English."""

from typing import Final

_ENGLISH: Final = """
a about above after again all already also always am an and another any anyone anything are aren't
around as at away back be because been before being both but by came can can't cannot come could
couldn't day days did didn't do does doesn't doing don't done dont down each else even ever every
everyone few for from get gets getting give go goes going gone gonna good got great had has hasn't
have haven't having he hello her here hers hey hi him his how i i'd i'll i'm i've if im in into is
isn't it it's its itself just keep know last least less let let's like little long look lot made
make makes many may maybe me mean might mine more most much must my myself need never new next no
nobody not nothing now of off oh ok on once one only or other our ours out over own people per
please put quite rather really right said same say says see seems she should shouldn't since so
some someone something soon still such sure take tell than thank thanks that that's the their them
then there there's these they they're thing things think this those though through time to today
told tomorrow too took try two u under until up ur us use used very via want wants was wasn't way
we we're we've well went were weren't what what's when where which while who why will with without
won't would wouldn't y'all yeah yes yesterday yet you you're you've your yours rt amp http https
co www com
"""

_FRENCH: Final = """
à a afin ai ainsi alors après as assez au aucun aujourd'hui aura aurait aussi autre autres aux
avant avec avez avoir avons ayant beaucoup bien bon bonjour bonsoir c'est c'était ça car ce ceci
cela celle celles celui cependant certains ces cet cette ceux chaque chez chose comme comment
contre d'abord d'un d'une dans de déjà demain depuis dernier dernière des deux devant dire dit dix
donc dont du elle elles en encore entre es est et étaient étais était étant été être eu eux fait
faire fais faites faut fois font hier hui il ils j'ai je jamais jour jours juste l'on la là le les
leur leurs lors lorsque lui ma mais mal me même mêmes merci mes mieux moi moins mon n'est ne ni
nom non nos notre nôtre nous nouveau on ont or ou où par parce parfois pas pendant peu peut
peuvent plupart plus plutôt pour pourquoi pouvez près puis puisque qu'il qu'ils qu'on quand que
quel quelle quelles quels qui quoi rien s'est sa sans sauf se sera seront ses si sien soit sommes
son sont sous suis sur ta tant te tel telle tes toi ton toujours tous tout toute toutes très trop
tu un une vers veut veux voici voilà vont vos votre vous vraiment vu y svp
"""

_RUSSIAN: Final = """
а без более больше будет будто бы был была были было быть в вам вами вас вот все всегда всего всем
всех вы где да даже два для до друг другой его ее её если есть еще ещё же за завтра здесь и из
из-за или им именно их к каждый как какая какой какие когда конечно который которая которые кроме
кто куда ли либо лишь лучше меня мне много может можно мой моя мы на надо нам нами нас наш не него
нее неё ней нельзя нет ни нибудь никогда никто ним них ничего но ну о об один однако он она они
оно опять от очень перед по под пока после потом потому почему почти при про просто раз разве с
сам сама сами сейчас сегодня себе себя со совсем спасибо так также такой такая такие там тебе тебя
тем теперь то тобой тогда того тоже той только том тот тут ты у уж уже хоть хотя чего чей чем
через что чтобы чуть эта эти это этого этой этом этот эту я вчера здравствуйте привет пожалуйста
"""

STOP_WORDS: Final = frozenset(f"{_ENGLISH} {_FRENCH} {_RUSSIAN}".replace("ё", "е").split())
