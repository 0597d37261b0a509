"""Small notebooks in which a naive graph goes wrong. Cells are separated by lines of `---`."""

TRAPS: dict[str, str] = {
    # -- aliases
    "alias of a list": "a = [1]\n---\nb = a\n---\nb.append(2)\n---\nprint(a)",
    "alias before and after": "a = [1]\n---\nb = a\n---\na.append(2)\n---\nprint(b)\n---\nprint(a)",
    "alias of an alias": "a = [1]\n---\nb = a\n---\nc = b\n---\nc += [2]\n---\nprint(a, b, c)",
    "alias then rebound": (
        "a = [1]\n---\nb = a\n---\na = [9]\n---\nb.append(2)\n---\nprint(a, b)\n---\na.append(b)\n"
        "---\nprint(a, b)"
    ),
    "alias by element": "a = [[1], [2]]\n---\nx = a[0]\n---\nx.append(5)\n---\nprint(a)",
    "alias by container": "x = [1]\n---\nbox = {'x': x}\n---\nbox['x'].append(2)\n---\nprint(x)",
    "alias by tuple": "x = [1]\n---\np = (x, 2)\n---\np[0].append(2)\n---\nprint(x)",
    "alias by unpacking": "a = [[1], [2]]\n---\nfirst, *rest = a\n---\nrest[0].append(1)\n---\nprint(a)",
    "alias by swap": (
        "a, b = [1], [2]\n---\na, b = b, a\n---\na.append(3)\n---\nprint(a)\n---\nprint(b)"
    ),
    "alias by loop variable": (
        "rows = [[1], [2]]\n---\nfor row in rows:\n    pass\n---\nrow.append(7)\n---\nprint(rows)"
    ),
    "alias by comprehension": (
        "rows = [[1], [2]]\n---\npicked = [r for r in rows if r[0] > 1]\n---\n"
        "picked[0].append(7)\n---\nprint(rows)"
    ),
    "alias by slice copy": (
        "rows = [[1], [2]]\n---\ncopy = rows[:]\n---\ncopy[0].append(7)\n---\ncopy.append(1)\n"
        "---\nprint(rows, copy)"
    ),
    "alias by list()": "a = [[1]]\n---\nb = list(a)\n---\nb[0].append(2)\n---\nprint(a)\n---\nprint(b)",
    "alias by dict()": "a = {'k': [1]}\n---\nb = dict(a)\n---\nb['k'].append(2)\n---\nprint(a, b)",
    "alias by sorted": (
        "a = [[2], [1]]\n---\nb = sorted(a)\n---\nb[0].append(9)\n---\nprint(a)\n---\nprint(b)"
    ),
    "alias by zip": (
        "a = [[1]]\n---\nb = [[2]]\n---\npairs = list(zip(a, b))\n---\npairs[0][1].append(3)\n"
        "---\nprint(b)"
    ),
    "alias by attribute": (
        "class Box:\n    pass\n---\nbox = Box()\nbox.items = []\n---\nitems = box.items\n---\n"
        "items.append(1)\n---\nprint(box.items)"
    ),
    "alias by conditional expression": (
        "a = [1]\n---\nb = [2]\n---\nc = a if len(b) else b\n---\nc.append(3)\n---\nprint(a, b)"
    ),
    "alias by or": "a = [1]\n---\nb = None or a\n---\nb.append(3)\n---\nprint(a)",
    "alias by walrus": "a = [1]\n---\nprint(b := a)\n---\nb.append(3)\n---\nprint(a)",
    "alias by identity function": (
        "def same(v):\n    return v\n---\na = [1]\n---\nb = same(a)\n---\nb.append(2)\n---\nprint(a)"
    ),
    "alias through a function's global": (
        "store = []\n---\ndef keep(v):\n    store.append(v)\n---\nx = [1]\n---\nkeep(x)\n---\n"
        "x.append(2)\n---\nprint(store)"
    ),
    "alias by setdefault": (
        "d = {}\n---\nlst = d.setdefault('k', [])\n---\nlst.append(1)\n---\nprint(d)"
    ),
    "alias by pop": "d = {'k': [1]}\n---\nlst = d.pop('k')\n---\nprint(d)\n---\nprint(lst)",
    "alias by bound method": "a = []\n---\nadd = a.append\n---\nadd(1)\n---\nprint(a)",
    "alias by chained assignment": "a = b = []\n---\na.append(1)\n---\nprint(b)",
    "alias by repeated list": "a = [[]] * 2\n---\na[0].append(1)\n---\nprint(a)",
    "cycle of containers": (
        "a = []\n---\nb = {'a': a}\n---\na.append(b)\n---\nb['n'] = 1\n---\nprint(a[0]['n'])"
    ),
    "identity is seen": "a = [1]\n---\nb = a\n---\nprint(a is b)",
    "identity is seen in a container": (
        "a = [1]\n---\nbox = [a]\n---\nother = [a]\n---\nprint(box[0] is other[0])"
    ),
    "identity by a function": (
        "def same(u, v):\n    return u is v\n---\na = [1]\n---\nb = a\n---\nprint(same(a, b))"
    ),
    "removal from a list by identity": (
        "class P:\n    pass\n---\np = P()\n---\nps = [P(), p]\n---\nps.remove(p)\n---\nprint(len(ps))"
    ),
    "instance as a key": (
        "class P:\n    pass\n---\np = P()\n---\nnames = {p: 'p'}\n---\nprint(names.get(p))"
    ),
    "instance in a list by default equality": (
        "class P:\n    pass\n---\np = P()\n---\nps = [p]\n---\nprint(p in ps)"
    ),
    "two aliases mutated in parallel branches": (
        "a = [1]\n---\nb = a\n---\nb.append(2)\n---\na.append(3)\n---\nprint(a)\n---\nprint(b)"
    ),
    "old alias member of a rebound name": (
        "x = [1]\n---\nkeep = x\n---\nx = [5]\n---\nx.append(1)\n---\nprint(x, keep)"
    ),
    # -- closures and late binding
    "function reads a later global": (
        "def f():\n    return k\n---\nk = [1][0]\n---\nprint(f())\n---\nk = [2][0]\n---\nprint(f())"
    ),
    "function two levels down reads": (
        "def f():\n    return g()\n---\ndef g():\n    return k[0]\n---\nk = [1]\n---\nprint(f())\n"
        "---\nk[0] = 2\n---\nprint(f())"
    ),
    "function two levels down mutates": (
        "log = []\n---\ndef note(v):\n    log.append(v)\n---\ndef outer(v):\n    note(v)\n    "
        "return v\n---\ny = outer(1)\n---\nz = outer(2)\n---\nprint(log)"
    ),
    "function mutates its argument two levels down": (
        "def inner(v):\n    v['n'] = 1\n---\ndef outer(v):\n    inner(v)\n---\nd = {}\n---\n"
        "outer(d)\n---\nprint(d)"
    ),
    "closure over a local": (
        "def make(n):\n    def add(v):\n        return v + n\n    return add\n---\nadd2 = make(2)\n"
        "---\nprint(add2(1))"
    ),
    "closure with state": (
        "def counter():\n    n = 0\n    def step():\n        nonlocal n\n        n += 1\n        "
        "return n\n    return step\n---\ntick = counter()\n---\ntick()\n---\nprint(tick())"
    ),
    "closure shares a list": (
        "def make():\n    items = []\n    def add(v):\n        items.append(v)\n    def get():\n"
        "        return items\n    return add, get\n---\nadd, get = make()\n---\nadd(1)\n---\n"
        "add(2)\n---\nprint(get())"
    ),
    "lambda reads a later global": (
        "k = [1][0]\n---\nf = lambda: k\n---\nk = [2][0]\n---\nprint(f())"
    ),
    "lambda in a dict": (
        "k = [1][0]\n---\nops = {'f': lambda v: v + k}\n---\nk = [5][0]\n---\nprint(ops['f'](1))"
    ),
    "lambda mutates a global": (
        "log = []\n---\nops = [lambda v: log.append(v)]\n---\nops[0](1)\n---\nprint(log)"
    ),
    "lambda default is bound now": (
        "k = [1][0]\n---\nf = lambda k=k: k\n---\nk = [2][0]\n---\nprint(f())"
    ),
    "late binding in a loop": (
        "fs = []\nfor i in range(3):\n    fs.append(lambda: i)\n---\nprint([f() for f in fs])\n---\n"
        "i = 10\n---\nprint([f() for f in fs])"
    ),
    "function alias": (
        "def f():\n    return k[0]\n---\nk = [1]\n---\ng = f\n---\nk = [2]\n---\nprint(g())"
    ),
    "function in a list": (
        "def f():\n    return k[0]\n---\nk = [1]\n---\nfs = [f]\n---\nk = [2]\n---\nprint(fs[0]())"
    ),
    "function passed to a function": (
        "log = []\n---\ndef note(v):\n    log.append(v)\n---\ndef each(f, vs):\n    for v in vs:\n"
        "        f(v)\n---\neach(note, [1, 2])\n---\nprint(log)"
    ),
    "method passed to map": (
        "log = []\n---\nlist(map(log.append, [1, 2]))\n---\nprint(log)"
    ),
    "recursion through a global": (
        "def f(n):\n    seen.append(n)\n    return f(n - 1) if n else 0\n---\nseen = []\n---\nf(2)\n"
        "---\nprint(seen)"
    ),
    "function rebinds by global": (
        "n = 0\n---\ndef up():\n    global n\n    n += 1\n---\nup()\n---\nup()\n---\nprint(n)"
    ),
    "global made by a function only": (
        "def setup():\n    global made\n    made = [1]\n---\nsetup()\n---\nmade.append(2)\n---\n"
        "print(made)"
    ),
    "function redefined": (
        "def f():\n    return 1\n---\nx = f()\n---\ndef f():\n    return 2\n---\nprint(f(), x)"
    ),
    "function redefined under a caller": (
        "def f():\n    return 1\n---\ndef g():\n    return f()\n---\nx = g()\n---\ndef f():\n    "
        "return 2\n---\nprint(g(), x)"
    ),
    "function wraps its old self": (
        "def f():\n    return 1\n---\nold = f\ndef f():\n    return old() + 1\n---\nprint(f())"
    ),
    "function wrapped in place": (
        "def f():\n    return 1\n---\ndef twice(g):\n    return lambda: g() * 2\n---\nf = twice(f)\n"
        "---\nprint(f())"
    ),
    "function attribute": (
        "def f():\n    f.calls += 1\n    return f.calls\n---\nf.calls = 0\n---\nf()\n---\nprint(f())"
    ),
    "name rebound to a function": (
        "f = [1]\n---\nprint(f)\n---\ndef f():\n    return 2\n---\nprint(f())"
    ),
    "function rebound to a value": (
        "def f():\n    return 2\n---\nprint(f())\n---\nf = [f()]\n---\nprint(f)"
    ),
    "conditional function": (
        "flag = [1]\n---\nif flag:\n    def f():\n        return 1\nelse:\n    def f():\n        "
        "return 2\n---\nprint(f())"
    ),
    "conditional redefinition of a function": (
        "def f():\n    return 1\n---\nflag = []\n---\nif flag:\n    def f():\n        return 2\n"
        "---\nprint(f())"
    ),
    # -- defaults and decorators
    "default evaluated at definition": (
        "k = [1][0]\n---\ndef f(v=k):\n    return v\n---\nk = [2][0]\n---\nprint(f())"
    ),
    "mutable default": (
        "def f(v, seen=[]):\n    seen.append(v)\n    return len(seen)\n---\nx = f(1)\n---\ny = f(2)\n"
        "---\nprint(x, y)"
    ),
    "mutable default that is a global": (
        "bag = []\n---\ndef f(v, seen=bag):\n    seen.append(v)\n---\nf(1)\n---\nprint(bag)"
    ),
    "default from a function": (
        "def base():\n    return [1]\n---\ndef f(v=base()):\n    return v\n---\nf().append(2)\n---\n"
        "print(f())"
    ),
    "decorator registers": (
        "registry = {}\n---\ndef register(f):\n    registry[f.__name__] = f\n    return f\n---\n"
        "@register\ndef job():\n    return 1\n---\nprint(sorted(registry), job())"
    ),
    "decorator wraps": (
        "import functools\n---\ndef loud(f):\n    @functools.wraps(f)\n    def inner(*a):\n        "
        "return f(*a) + k[0]\n    return inner\n---\nk = [1]\n---\n@loud\ndef g(v):\n    return v\n"
        "---\nk = [10]\n---\nprint(g(1))"
    ),
    "cache keeps results": (
        "import functools\n---\ncalls = []\n---\n@functools.lru_cache\ndef f(v):\n    "
        "calls.append(v)\n    return v\n---\nf(1)\n---\nf(1)\n---\nprint(calls)"
    ),
    "partial": (
        "from functools import partial\n---\ndef add(a, b):\n    return a + b + k[0]\n---\nk = [1]\n"
        "---\nadd1 = partial(add, 1)\n---\nk = [5]\n---\nprint(add1(2))"
    ),
    "partial over a list": (
        "from functools import partial\n---\ndef put(bag, v):\n    bag.append(v)\n---\nbag = []\n"
        "---\nput_in = partial(put, bag)\n---\nput_in(3)\n---\nprint(bag)"
    ),
    # -- classes
    "instance with a method that reads a global": (
        "class C:\n    def get(self):\n        return k[0]\n---\nk = [1]\n---\nc = C()\n---\nk = [2]\n"
        "---\nprint(c.get())"
    ),
    "instance mutated by its method": (
        "class C:\n    def __init__(self):\n        self.n = 0\n    def up(self):\n        self.n += 1\n"
        "---\nc = C()\n---\nc.up()\n---\nc.up()\n---\nprint(c.n)"
    ),
    "instance keeps its argument": (
        "class C:\n    def __init__(self, v):\n        self.v = v\n---\nx = []\n---\nc = C(x)\n---\n"
        "x.append(1)\n---\nprint(c.v)\n---\nc.v.append(2)\n---\nprint(x)"
    ),
    "class attribute changed": (
        "class C:\n    n = 0\n---\nC.n = 5\n---\nc = C()\n---\nprint(c.n)"
    ),
    "class with shared list": (
        "class C:\n    all = []\n    def __init__(self):\n        self.all.append(1)\n---\na = C()\n"
        "---\nb = C()\n---\nprint(len(C.all))"
    ),
    "class counts its instances": (
        "class C:\n    n = 0\n    def __init__(self):\n        C.n += 1\n---\na = C()\n---\nb = C()\n"
        "---\nprint(C.n)"
    ),
    "class redefined": (
        "class C:\n    def f(self):\n        return 1\n---\na = C()\n---\nclass C:\n    def f(self):\n"
        "        return 2\n---\nb = C()\n---\nprint(a.f(), b.f(), isinstance(a, C))"
    ),
    "subclass": (
        "class A:\n    def f(self):\n        return k[0]\n---\nclass B(A):\n    pass\n---\nk = [1]\n"
        "---\nb = B()\n---\nk[0] = 3\n---\nprint(b.f(), isinstance(b, A))"
    ),
    "subclass of a rebound base": (
        "class A:\n    v = 1\n---\nclass B(A):\n    pass\n---\nclass A:\n    v = 2\n---\n"
        "print(B().v, A().v)"
    ),
    "class body reads a global": (
        "k = [1][0]\n---\nclass C:\n    v = k\n---\nk = [2][0]\n---\nprint(C.v)\n---\nprint(C().v)"
    ),
    "dataclass": (
        "from dataclasses import dataclass, field\n---\n@dataclass\nclass P:\n    x: int\n    tags: "
        "list = field(default_factory=list)\n---\np = P(1)\n---\np.tags.append('a')\n---\n"
        "print(p)\n---\nprint(p == P(1, ['a']))"
    ),
    "property": (
        "class C:\n    @property\n    def v(self):\n        return k[0]\n---\nk = [1]\n---\nc = C()\n"
        "---\nk = [2]\n---\nprint(c.v)"
    ),
    "property that mutates": (
        "log = []\n---\nclass C:\n    @property\n    def v(self):\n        log.append(1)\n        "
        "return 1\n---\nc = C()\n---\nc.v\n---\nprint(log)"
    ),
    "operators that mutate": (
        "class C:\n    def __init__(self):\n        self.n = 0\n    def __add__(self, v):\n        "
        "self.n += v\n        return self\n---\nc = C()\n---\nc + 2\n---\nprint(c.n)"
    ),
    "repr that mutates": (
        "log = []\n---\nclass C:\n    def __repr__(self):\n        log.append(1)\n        return 'C'\n"
        "---\nc = C()\n---\nprint(c)\n---\nprint(log)"
    ),
    "context manager": (
        "log = []\n---\nclass M:\n    def __enter__(self):\n        log.append('in')\n        return "
        "self\n    def __exit__(self, *a):\n        log.append('out')\n---\nwith M() as m:\n    pass\n"
        "---\nprint(log)"
    ),
    "iteration that mutates": (
        "class It:\n    def __init__(self):\n        self.n = 0\n    def __iter__(self):\n        "
        "self.n += 1\n        return iter([1, 2])\n---\nit = It()\n---\nfor v in it:\n    pass\n---\n"
        "print(it.n)"
    ),
    "indexing that mutates": (
        "class D(dict):\n    def __missing__(self, key):\n        self[key] = 1\n        return 1\n---\n"
        "d = D()\n---\nd['a']\n---\nprint(dict(d))"
    ),
    "defaultdict": (
        "from collections import defaultdict\n---\nd = defaultdict(list)\n---\nd['a']\n---\n"
        "d['b'].append(1)\n---\nprint(dict(d))"
    ),
    "instance attribute is a function": (
        "class C:\n    pass\n---\nc = C()\nc.f = lambda: k[0]\n---\nk = [3]\n---\nprint(c.f())"
    ),
    "static counter in a closure class": (
        "def make():\n    class C:\n        n = [0]\n    return C\n---\nC = make()\n---\nC.n[0] += 1\n"
        "---\nprint(C.n)"
    ),
    "monkeypatched method": (
        "class C:\n    def f(self):\n        return 1\n---\nc = C()\n---\nC.f = lambda self: 2\n---\n"
        "print(c.f())"
    ),
    "namedtuple": (
        "from collections import namedtuple\nP = namedtuple('P', 'x y')\n---\np = P(1, [2])\n---\n"
        "p.y.append(3)\n---\nprint(p)"
    ),
    "enum": (
        "from enum import Enum\n---\nclass Colour(Enum):\n    RED = 1\n---\nc = Colour.RED\n---\n"
        "print(c is Colour.RED, c)"
    ),
    "exception class": (
        "class Bad(Exception):\n    pass\n---\ntry:\n    raise Bad('x')\nexcept Bad as e:\n    err = "
        "e\n---\nprint(type(err).__name__, isinstance(err, Bad))"
    ),
    # -- conditional bindings
    "conditional binding passes the old": (
        "y = [0]\n---\nx = []\n---\nif x:\n    y = [1]\n---\nprint(y)"
    ),
    "conditional binding over a constant": (
        "y = 0\n---\nx = []\n---\nif x:\n    y = 1\n---\nprint(y)"
    ),
    "binding in both branches": (
        "x = [1]\n---\ny = [0]\n---\nif x:\n    y = [1]\nelse:\n    y = [2]\n---\nprint(y)"
    ),
    "loop that never runs": "y = [0]\n---\nfor y in []:\n    pass\n---\nprint(y)",
    "loop else": "for i in range(3):\n    pass\nelse:\n    z = [i]\n---\nprint(i, z)",
    "while binding": "n = [3][0]\n---\nwhile n > 0:\n    n -= 1\n    last = n\n---\nprint(n, last)",
    "try binding": (
        "y = [0]\n---\ntry:\n    z = 1 // 0\n    y = [1]\nexcept ZeroDivisionError:\n    pass\n---\n"
        "print(y)"
    ),
    "except name is deleted": (
        "e = [5]\n---\ntry:\n    1 // 0\nexcept ZeroDivisionError as e:\n    pass\n---\n"
        "print('e' in dir())\n---\ntry:\n    print(e)\nexcept NameError:\n    print('gone')"
    ),
    "try except NameError": (
        "try:\n    cache\nexcept NameError:\n    cache = {}\n---\ncache['a'] = 1\n---\ntry:\n    cache\n"
        "except NameError:\n    cache = {}\n---\nprint(cache)"
    ),
    "try NameError of a later name": (
        "try:\n    print(later)\nexcept NameError:\n    print('not yet')\n---\nlater = [1]\n---\n"
        "print(later)"
    ),
    "del then NameError": (
        "x = [1]\n---\ndel x\n---\ntry:\n    print(x)\nexcept NameError:\n    print('gone')"
    ),
    "del of a constant": "x = 1\n---\nprint(x)\n---\ndel x\n---\nx = 2\n---\nprint(x)",
    "conditional del": (
        "x = [1]\n---\nflag = []\n---\nif flag:\n    del x\n---\nprint(x)"
    ),
    "del of an element": "d = {'a': 1, 'b': 2}\n---\nk = d\n---\ndel d['a']\n---\nprint(k)",
    "del of a function": (
        "def f():\n    return 1\n---\ndel f\n---\ntry:\n    f()\nexcept NameError:\n    print('gone')"
    ),
    "match binds": (
        "v = [1, [2]]\n---\nmatch v:\n    case [a, b]:\n        kind = 'pair'\n    case _:\n        "
        "kind = 'other'\n---\nb.append(3)\n---\nprint(v, kind, a)"
    ),
    "match that fails to bind": (
        "a = [7]\n---\nv = 3\nmatch v:\n    case [a]:\n        pass\n    case _:\n        pass\n---\n"
        "print(a)"
    ),
    "with binding": (
        "import io\n---\nwith io.StringIO('x') as fh:\n    text = fh.read()\n---\nprint(text)"
    ),
    "walrus in a condition": "if (n := len([1, 2])) > 1:\n    m = n\n---\nprint(n, m)",
    "walrus in a comprehension": (
        "last = [0][0]\n---\nxs = [last := v for v in [1, 2]]\n---\nprint(last)"
    ),
    "walrus in an empty comprehension": (
        "last = [0][0]\n---\nxs = [last := v for v in []]\n---\nprint(last)"
    ),
    "walrus after a short circuit": (
        "w = [0]\n---\nflag = [][:]\n---\nflag and (w := [1])\n---\nprint(w)"
    ),
    "import in a branch": (
        "flag = [1]\n---\nif flag:\n    import math\n---\nprint(math.floor(1.5))"
    ),
    "import shadowed": (
        "from math import floor\n---\nprint(floor(1.5))\n---\nfloor = len\n---\nprint(floor([1]))"
    ),
    "builtin shadowed": (
        "print(len([1]))\n---\ndef len(v):\n    return 99\n---\nprint(len([1]))\n---\ndel len\n---\n"
        "print(len([1]))"
    ),
    "builtin shadowed conditionally": (
        "flag = []\n---\nif flag:\n    sum = 3\n---\nprint(sum([1]))"
    ),
    # -- scopes
    "comprehension variable is local": "i = [5]\n---\nxs = [i for i in range(3)]\n---\nprint(i)",
    "comprehension reads its first iterable outside": (
        "xs = [[1], [2]]\n---\nys = [xs for xs in xs]\n---\nys[0].append(3)\n---\nprint(xs)"
    ),
    "class body does not leak": (
        "v = [1]\n---\nclass C:\n    v = 2\n    def f(self):\n        return v\n---\nprint(C().f())"
    ),
    "nested function reads the global": (
        "v = [1]\n---\ndef f():\n    def g():\n        return v\n    return g\n---\nh = f()\n---\n"
        "v = [2]\n---\nprint(h())"
    ),
    "local shadows global": (
        "v = [1]\n---\ndef f():\n    v = [2]\n    v.append(3)\n    return v\n---\nf()\n---\nprint(v)"
    ),
    "nested global statement": (
        "n = 0\n---\ndef f():\n    def g():\n        global n\n        n += 1\n    g()\n---\nf()\n---\n"
        "print(n)"
    ),
    "global at top level": "x = [1]\n---\nglobal y\ny = x\n---\ny.append(1)\n---\nprint(x)",
    "star arguments": (
        "def f(*args, **kw):\n    args[0].append(1)\n    kw['k'].append(2)\n---\na, b = [], []\n---\n"
        "f(*[a], **{'k': b})\n---\nprint(a, b)"
    ),
    "star unpack call of a dict": (
        "def f(x=None):\n    x.append(1)\n---\nopts = {'x': []}\n---\nf(**opts)\n---\nprint(opts)"
    ),
    "augmented assignment aliases": (
        "a = [1]\n---\nb = a\n---\na += [2]\n---\nprint(b)\n---\na = a + [3]\n---\nprint(b, a)"
    ),
    "augmented assignment of a number": (
        "n = 1\n---\nm = n\n---\nn += 1\n---\nprint(n, m)"
    ),
    "augmented attribute": (
        "class C:\n    n = 0\n---\nc = C()\n---\nd = c\n---\nd.n += 1\n---\nprint(c.n)"
    ),
    "augmented element": "d = {'n': 0}\n---\nd['n'] += 1\n---\nd['n'] += 1\n---\nprint(d)",
    "redefinition chain": (
        "x = [1]\n---\nx = x + [2]\n---\ny = x\n---\nx = x + [3]\n---\nprint(x, y)"
    ),
    "swap through a temporary": (
        "a = [1]\n---\nb = [2]\n---\ntmp = a\n---\na = b\n---\nb = tmp\n---\nb.append(9)\n---\n"
        "print(a, b, tmp)"
    ),
    "self-reading rebinding": "x = [1]\n---\nx = [x, x]\n---\nx[0].append(2)\n---\nprint(x)",
    # -- iterators and generators
    "generator": "g = (v for v in [1, 2, 3])\n---\nprint(next(g))\n---\nprint(list(g))",
    "generator over a list changed later": (
        "xs = [1]\n---\ng = (v for v in xs)\n---\nxs.append(2)\n---\nprint(list(g))"
    ),
    "generator function": (
        "def gen():\n    for v in data:\n        yield v\n---\ndata = [1, 2]\n---\ng = gen()\n---\n"
        "data.append(3)\n---\nprint(list(g))"
    ),
    "iterator": "it = iter([1, 2, 3])\n---\nnext(it)\n---\nprint(list(it))",
    "zip object": "z = zip([1, 2], [3, 4])\n---\nprint(next(z))\n---\nprint(list(z))",
    "map object": (
        "k = [1][0]\n---\nm = map(lambda v: v + k, [1, 2])\n---\nk = [10][0]\n---\nprint(list(m))"
    ),
    "dict view": "d = {'a': 1}\n---\nks = d.keys()\n---\nd['b'] = 2\n---\nprint(list(ks))",
    "enumerate": (
        "rows = [[1], [2]]\n---\nfor i, row in enumerate(rows):\n    row.append(i)\n---\nprint(rows)"
    ),
    "itertools counter": (
        "import itertools\nids = itertools.count()\n---\na = next(ids)\n---\nb = next(ids)\n---\n"
        "print(a, b)"
    ),
    "reversed": (
        "rows = [[1], [2]]\n---\nback = list(reversed(rows))\n---\nback[0].append(0)\n---\nprint(rows)"
    ),
    # -- mutation in odd places
    "mutation in a comprehension": (
        "log = []\n---\nxs = [log.append(v) for v in [1, 2]]\n---\nprint(log)"
    ),
    "mutation in an f-string": "log = [1]\n---\nt = f'{log.pop()}'\n---\nprint(log, t)",
    "mutation in an assert": "log = [1]\n---\nassert log.pop()\n---\nprint(log)",
    "mutation in a condition": "log = [1]\n---\nif log.pop():\n    pass\n---\nprint(log)",
    "mutation in a default": "log = []\n---\ndef f(v=log.append(1)):\n    pass\n---\nprint(log)",
    "mutation in a class body": (
        "log = []\n---\nclass C:\n    log.append(1)\n---\nprint(log)"
    ),
    "mutation in a decorator": (
        "log = []\n---\ndef deco(f):\n    log.append(f.__name__)\n    return f\n---\n@deco\ndef g():\n"
        "    pass\n---\nprint(log)"
    ),
    "mutation by sort": "xs = [2, 1]\n---\nys = xs\n---\nxs.sort()\n---\nprint(ys)",
    "mutation by slice": "xs = [1, 2]\n---\nys = xs\n---\nxs[:] = [9]\n---\nprint(ys)",
    "mutation by update": "d = {}\n---\ne = d\n---\ne.update(a=1)\n---\nprint(d)",
    "mutation by |=": "d = {'a': 1}\n---\ne = d\n---\ne |= {'b': 2}\n---\nprint(d)",
    "mutation by set": "s = {1}\n---\nt = s\n---\nt.add(2)\n---\nprint(sorted(s))",
    "mutation by for target": (
        "d = {}\n---\nfor d['k'] in [1, 2]:\n    pass\n---\nprint(d)"
    ),
    "mutation by with target": (
        "import io\nd = {}\n---\nwith io.StringIO('x') as d['f']:\n    pass\nd['f'] = 1\n---\nprint(d)"
    ),
    "mutation by unpacking target": "xs = [0, 0]\n---\nxs[0], xs[1] = 1, 2\n---\nprint(xs)",
    "mutation by a nested element": (
        "d = {'a': {'b': [1]}}\n---\ninner = d['a']\n---\nd['a']['b'].append(2)\n---\nprint(inner)"
    ),
    "mutation through getattr": (
        "xs = []\n---\ngetattr(xs, 'append')(1)\n---\nprint(xs)"
    ),
    "mutation through setattr": (
        "class C:\n    pass\n---\nc = C()\n---\nd = c\n---\nsetattr(d, 'v', 1)\n---\nprint(c.v)"
    ),
    "mutation through vars": (
        "class C:\n    pass\n---\nc = C()\n---\nvars(c)['v'] = 1\n---\nprint(c.v)"
    ),
    "mutation through operator": (
        "import operator\nxs = [1]\n---\noperator.iadd(xs, [2])\n---\nprint(xs)"
    ),
    "mutation through heapq": (
        "import heapq\nh = [3, 1]\n---\nheapq.heapify(h)\n---\nheapq.heappush(h, 0)\n---\nprint(h)"
    ),
    "mutation through random.shuffle with own generator": (
        "import random\nr = random.Random(1)\nxs = [1, 2, 3]\n---\nr.shuffle(xs)\n---\nprint(xs)\n---\n"
        "print(r.random())"
    ),
    "mutation of a copy": (
        "import copy\nxs = [[1]]\n---\nys = copy.copy(xs)\n---\nzs = copy.deepcopy(xs)\n---\n"
        "ys[0].append(2)\n---\nzs[0].append(3)\n---\nprint(xs, ys, zs)"
    ),
    "mutation by functools.reduce": (
        "from functools import reduce\n---\nacc = []\n---\nreduce(lambda a, v: a.append(v) or a, "
        "[1, 2], acc)\n---\nprint(acc)"
    ),
    "mutation by a sort key": (
        "log = []\n---\nxs = sorted([2, 1], key=lambda v: log.append(v) or v)\n---\nprint(xs, log)"
    ),
    "mutation of a global constant list": (
        "NAMES = ['a']\n---\ndef add(n):\n    NAMES.append(n)\n---\nadd('b')\n---\nprint(NAMES)"
    ),
    "mutation of a deque": (
        "from collections import deque\n---\nq = deque([1])\n---\nw = q\n---\nw.appendleft(0)\n---\n"
        "print(list(q))"
    ),
    "bytearray and memoryview": (
        "b = bytearray(b'abc')\n---\nm = memoryview(b)\n---\nm[0] = 88\n---\nprint(b)"
    ),
    # -- mixed cells
    "mixed cell with import, def and code": (
        "import math\ndef area(r):\n    return math.pi * r * scale[0]\nscale = [2]\n---\n"
        "a = area(1)\n---\nscale = [3]\n---\nprint(round(area(1), 2), round(a, 2))"
    ),
    "definition after use in a mixed cell": (
        "xs = [1]\ndef f():\n    return xs\nys = f()\n---\nys.append(2)\n---\nprint(xs, f())"
    ),
    "class and instance in one cell": (
        "class C:\n    def __init__(self):\n        self.v = []\nc = C()\n---\nc.v.append(1)\n---\n"
        "print(c.v, isinstance(c, C))"
    ),
    "constant then rebound below": "k = 1\n---\nprint(k)\n---\nk = k + 1\n---\nprint(k)",
    "constant rebound in its own cell": "k = 1\nk = k + 1\n---\nprint(k)",
    "constant used by a function and rebound": (
        "k = 1\n---\ndef f():\n    return k\n---\nprint(f())\n---\nk = 2\n---\nprint(f())"
    ),
    "constant rebound by a loop": (
        "k = 1\n---\nfor k in [5, 6]:\n    pass\n---\nprint(k)"
    ),
    "constant rebound by global": (
        "k = 1\n---\ndef f():\n    global k\n    k = 7\n---\nf()\n---\nprint(k)"
    ),
    "f-string constant": "a = 'x'\nb = f'{a}/y'\n---\nprint(b)\n---\na = 'z'\n---\nprint(b)",
    "import alias rebound": (
        "import math as m\n---\nprint(m.floor(1.2))\n---\nm = [1]\n---\nprint(m)"
    ),
    "definition replayed though its global is a step's": (
        "data = [1, 2]\n---\ndef total():\n    return sum(data)\n---\nclass R:\n    t = 0\n    def go("
        "self):\n        self.t = total()\n        return self\n---\nr = R().go()\n---\n"
        "data.append(5)\n---\nprint(r.t, r.go().t)"
    ),
    "class whose decorator needs a step": (
        "reg = []\n---\ndef deco(c):\n    reg.append(c)\n    return c\n---\n@deco\nclass C:\n    pass\n"
        "---\nc = reg[0]()\n---\nprint(isinstance(c, C))"
    ),
    "annotation evaluated": (
        "log = []\n---\ndef t():\n    log.append(1)\n    return int\n---\ndef f(v: t()):\n    return v\n"
        "---\nprint(log)"
    ),
    "two definitions of a name with a step between": (
        "def f():\n    return 1\n---\ng = [f]\n---\ndef f():\n    return 2\n---\nprint(g[0](), f())"
    ),
    "instance of an old class, then new": (
        "class C:\n    v = 1\n---\nc = C()\n---\nclass C:\n    v = 2\n---\nprint(c.v)\n---\n"
        "print(C().v)"
    ),
    "values of a function's result carry functions": (
        "def make():\n    return {'f': helper}\n---\ndef helper():\n    return k[0]\n---\nk = [1]\n---\n"
        "d = make()\n---\nk = [4]\n---\nprint(d['f']())"
    ),
    "sort by a notebook function": (
        "w = {'a': 2, 'b': 1}\n---\ndef weight(v):\n    return w[v]\n---\nprint(sorted(['a', 'b'], "
        "key=weight))\n---\nw['b'] = 9\n---\nprint(sorted(['a', 'b'], key=weight))"
    ),
    "string that looks like a name": (
        "x = [1]\n---\ns = 'x'\n---\nprint(s)\n---\nx.append(2)\n---\nprint(x)"
    ),
    "error leaves the state half changed": (
        "xs = []\n---\ntry:\n    xs.append(1)\n    raise ValueError\nexcept ValueError:\n    xs.append("
        "2)\nfinally:\n    xs.append(3)\n---\nprint(xs)"
    ),
    "a failing cell stops Run All": (
        "x = [1]\n---\ny = x[5]\n---\nprint(x)"
    ),
    "chained comparison with calls": (
        "log = []\ndef t(v):\n    log.append(v)\n    return v\n---\nt(1) < t(2) < t(3)\n---\nprint(log)"
    ),
    "counter": (
        "from collections import Counter\n---\nc = Counter('ab')\n---\nc.update('a')\n---\n"
        "print(sorted(c.items()))"
    ),
    "dict of lists by loop": (
        "groups = {}\n---\nfor k, v in [('a', 1), ('a', 2)]:\n    groups.setdefault(k, []).append(v)\n"
        "---\nfirst = groups['a']\n---\nfirst.append(3)\n---\nprint(groups)"
    ),
    "loop over items mutates values": (
        "d = {'a': [1], 'b': [2]}\n---\nfor k, v in d.items():\n    v.append(0)\n---\nprint(d)"
    ),
    "linked nodes": (
        "class N:\n    def __init__(self, v):\n        self.v, self.next = v, None\n---\na = N(1)\n---\n"
        "b = N(2)\n---\na.next = b\n---\nb.v = 5\n---\nprint(a.next.v)\n---\na.next.v = 6\n---\n"
        "print(b.v)"
    ),
    "observer": (
        "class S:\n    def __init__(self):\n        self.fs = []\n    def on(self, f):\n        "
        "self.fs.append(f)\n    def fire(self, v):\n        for f in self.fs:\n            f(v)\n---\n"
        "got = []\n---\ns = S()\n---\ns.on(got.append)\n---\ns.fire(1)\n---\nprint(got)"
    ),
    "observer with a lambda": (
        "class S:\n    def __init__(self):\n        self.fs = []\n    def on(self, f):\n        "
        "self.fs.append(f)\n    def fire(self, v):\n        for f in self.fs:\n            f(v)\n---\n"
        "got = []\n---\ns = S()\n---\ns.on(lambda v: got.append(v))\n---\ns.fire(1)\n---\nprint(got)"
    ),
    "callback stored, then its function redefined": (
        "def cb():\n    return 'old'\n---\nhooks = [cb]\n---\ndef cb():\n    return 'new'\n---\n"
        "print(hooks[0](), cb())"
    ),
    "registry by class decorator with state": (
        "class Reg:\n    def __init__(self):\n        self.items = {}\n    def __call__(self, f):\n"
        "        self.items[f.__name__] = f\n        return f\n---\nreg = Reg()\n---\n@reg\ndef a():\n"
        "    return 1\n---\n@reg\ndef b():\n    return a() + 1\n---\n"
        "print(sorted(reg.items), reg.items['b']())"
    ),
}
