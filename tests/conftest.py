"""Settings for every test: hypothesis without a clock, as machines that run tests are busy."""

from hypothesis import settings

settings.register_profile("aecodec", deadline=None)
settings.load_profile("aecodec")
