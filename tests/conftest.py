"""Settings for every test, as machines that run tests are busy: no clock, a thread each."""

import os

os.environ |= {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE"}  # read with torch's import

from hypothesis import settings  # noqa: E402

settings.register_profile("aecodec", deadline=None)
settings.load_profile("aecodec")
