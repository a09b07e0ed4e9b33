import subprocess
import sys

from kedit_memory.models.prompts import Prompt


def test_a_prompt_knows_whether_it_is_cloze():
    assert Prompt(question="The king is").cloze
    assert not Prompt(question="Who?").cloze


def test_no_torch_is_loaded_before_a_model_is():
    names = "prompts, formats, language, remote, encoder, sources"
    code = (
        f"import sys; from kedit_memory.models import {names}; "
        "e = encoder.load_encoder('hashing'); e.name, e.revision, e.dimension; "
        "m = encoder.minilm_folder() and encoder.load_encoder(); "
        "m and (m.name, m.revision, m.dimension); "
        "assert not {'torch', 'transformers'} & set(sys.modules)"
    )
    subprocess.run([sys.executable, "-W", "error", "-c", code], check=True)
