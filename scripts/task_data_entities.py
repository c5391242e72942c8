"""Sentences and entities of the newspaper text that task_data.py reads: lines of `word/part-of-speech`."""

# A surname of two characters: all others have one. Foreign names are one word.
SURNAMES = set("欧阳 司马 诸葛 上官 夏侯 皇甫 尉迟 公孙 慕容 令狐 司徒 东方 端木 长孙".split())
KINDS = {"nr": "PER", "ns": "LOC", "nt": "ORG"}
ENDS = {"。", "！", "？", "；"}
LONGEST = 120


def words(line):
    """Words with the kind of entity that each is, or None: surname and name, which are two words there, are one."""
    found, surname = [], False
    for item in line.split():
        word, slash, part = item.rpartition("/")
        if not slash or not word:
            continue
        if surname and part == "nr":
            found[-1] = (found[-1][0] + word, "PER")
            surname = False
            continue
        found.append((word, KINDS.get(part)))
        surname = part == "nr" and (len(word) == 1 or word in SURNAMES)
    return found


def sentences(line):
    """Lists of characters with their tags, of at most LONGEST characters; no entity is cut."""
    found, sentence = [], []
    for word, kind in words(line):
        if len(sentence) + len(word) > LONGEST:
            found.append(sentence)
            sentence = []
        for place, character in enumerate(word):
            sentence.append((character, f"{'I' if place else 'B'}-{kind}" if kind else "O"))
        if word in ENDS:
            found.append(sentence)
            sentence = []
    return [sentence for sentence in found + [sentence] if sentence]
