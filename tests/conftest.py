"""Settings for every test, as machines that run tests are busy: no clock, no spinning threads."""

import os

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # read when torch is first imported

from hypothesis import settings  # noqa: E402

settings.register_profile("aecodec", deadline=None)
settings.load_profile("aecodec")
