"""A hub on loopback that speaks all hubs' APIs and misbehaves on command. See README.md."""

from tests.testhub.hub import TestHub as TestHub
