import sys
from pathlib import Path
from dojo.stubs import make_stub
name = sys.argv[2]
track, kata = name.split("/")
text = make_stub(Path(f"tests/{track}/test_{kata}.py").read_text(), Path(f"reference/{name}.py").read_text())
Path(f"katas/{name}.py").write_text(text)
