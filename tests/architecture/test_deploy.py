"""The ready configurations of proxies fit the product."""

import re
from pathlib import Path

from sketchmaker.commands.http_server import IDLE_SECONDS
from sketchmaker.web.app import LONGEST_BODY_BYTES

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"
NGINX = (DEPLOY / "nginx.conf").read_text()
CADDY = (DEPLOY / "Caddyfile").read_text()


def test_proxies_hang_up_on_the_product_before_it_hangs_up_on_them() -> None:
    upstream = re.search(r"upstream sketchmaker \{.*?keepalive_timeout (\d+)s;", NGINX, re.DOTALL)
    caddy = re.search(r"keepalive (\d+)s", CADDY)
    assert upstream
    assert caddy
    assert max(int(upstream[1]), int(caddy[1])) < IDLE_SECONDS


def test_proxies_let_the_longest_form_through() -> None:
    assert "client_max_body_size 1m;" in NGINX
    assert "max_size 1MB" in CADDY
    assert LONGEST_BODY_BYTES < 1_000_000
