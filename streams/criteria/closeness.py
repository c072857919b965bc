"""How near a post comes to a topic that it does not meet: for putting topics in order."""

from streams.criteria.explain import Explanation, Part

_OTHER_LANGUAGE = 0.9
"""Of a post that meets the query in a language the topic does not want."""


def closeness(found: Explanation) -> float:
    """1 for a topic that is met, 0 for one of which the post has nothing. All clauses of an AND
    weigh alike, and of an OR the nearest one counts."""
    near = _near(found.tree)
    return near if found.admitted else min(near, _OTHER_LANGUAGE * near)


def _near(part: Part) -> float:
    if part.met or not part.children or part.kind == "not":
        return float(part.met)
    near = [_near(child) for child in part.children]
    return max(near) if part.kind == "or" else sum(near) / len(near)
