import html
import urllib.parse
from urllib.parse import urlparse, parse_qs, urlencode, quote, unquote, urljoin
print(html.unescape("Tom &amp; Jerry &lt;b&gt; &#39;x&#39; &eacute; &nbsp;|"), html.escape('<a href="x">&</a>'))
u = urlparse("https://user@example.com:8080/a/b.html?q=1&q=2&r=x%20y#frag")
print(u.scheme, u.netloc, u.hostname, u.port, u.path, parse_qs(u.query), u.fragment, u._replace(query="").geturl())
print(urlencode({"a": 1, "b": "x y", "c": ["d", "e"]}, doseq=True), quote("a b/c?é"), unquote("a%20b%C3%A9"), urljoin("http://x.com/a/b", "../c"), urllib.parse.quote_plus("a b&c"))
import re
page = "<html><body><h1>Title</h1><p>Some <b>bold</b> text &amp; more.</p><ul><li>one</li><li>two</li></ul><!-- c --></body></html>"
text = re.sub(r"<[^>]+>", " ", re.sub(r"<!--.*?-->", "", page))
print(" ".join(html.unescape(text).split()), re.findall(r"<li>(.*?)</li>", page))
links = re.findall(r'href=[\'"]([^\'"]+)', '<a href="/x">1</a><a href=\'http://y.org\'>2</a>')
print([urljoin("http://base.com/p/", l) for l in links])
hosts = {e.split("@")[1] for e in re.findall(r"[\w.]+@[\w.]+\.com", context)}
print(sorted(hosts))
