import sys
from pathlib import Path

# Tests of this package share the helpers beside them.
sys.path.insert(0, str(Path(__file__).parent))
