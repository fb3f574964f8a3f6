// Package static holds the files browsers fetch: one stylesheet, one script, the
// fonts, the mark, the icons, and the pinned third-party scripts (third_party/README.md).
//
// Every file has its content's hash in its address, so that browsers may keep it for
// ever and never show an old one. There is no build step: the stylesheet is put
// together from css/*.css, in the order of their names, when the program first asks.
package static

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Prefix is where Handler expects to be mounted.
const Prefix = "/static/"

//go:embed css/*.css app.js styleguide.css mark.svg icons.svg third_party
var files embed.FS

// An asset is one file as it is served.
type asset struct {
	url         string
	contentType string
	body        []byte
	gzipped     []byte // nil where it would not be smaller
	etag        string
}

// assets are all files by name, made once from what is embedded.
//
//nolint:gochecknoglobals // computed from the embedded files alone, and never changed
var assets = sync.OnceValue(buildAssets)

// fontReference is how css/*.css names a font: url("font:name.woff2").
var fontReference = regexp.MustCompile(`url\("font:([^"]+)"\)`)

// URL is the address of a file by its name: app.css, app.js, mark.svg, htmx.min.js.
// An unknown name gives an address that answers 404, which the browser tests report.
func URL(name string) string {
	if a, ok := assets()[name]; ok {
		return a.url
	}
	return Prefix + "unknown/" + name
}

// Names lists every file that is served, for tests.
func Names() []string {
	var names []string
	for name := range assets() {
		names = append(names, name)
	}
	return names
}

// Handler serves the files below Prefix. The hash in the address is what allows a
// browser to keep a file: asked with another hash, as during an upgrade, the present
// file is sent and may not be kept.
func Handler() http.Handler {
	return http.HandlerFunc(serve)
}

func serve(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
		return
	}
	a, ok := assets()[path.Base(r.URL.Path)]
	if !ok || !strings.HasPrefix(r.URL.Path, Prefix) || strings.Count(r.URL.Path, "/") != 3 {
		http.NotFound(w, r)
		return
	}
	h := w.Header()
	h.Set("Content-Type", a.contentType)
	h.Set("X-Content-Type-Options", "nosniff")
	if r.URL.Path == a.url {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	} else {
		h.Set("Cache-Control", "no-cache")
	}
	body, etag := a.body, a.etag
	if a.gzipped != nil {
		h.Set("Vary", "Accept-Encoding")
		if takesGzip(r) {
			h.Set("Content-Encoding", "gzip")
			body, etag = a.gzipped, gzipTag(a.etag)
		}
	}
	h.Set("ETag", etag)
	// ServeContent answers HEAD, ranges and If-None-Match as RFC 9110 says.
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
}

// takesGzip reports whether the client accepts gzip; "gzip;q=0" refuses it.
func takesGzip(r *http.Request) bool {
	accepted := false
	for _, header := range r.Header.Values("Accept-Encoding") {
		for part := range strings.SplitSeq(header, ",") {
			coding, weight, _ := strings.Cut(part, ";")
			coding = strings.ToLower(strings.TrimSpace(coding))
			if coding != "gzip" && coding != "*" {
				continue
			}
			accepted = !isZero(weight)
			if coding == "gzip" {
				return accepted
			}
		}
	}
	return accepted
}

// isZero reports whether a weight such as "q=0.000" is zero.
func isZero(weight string) bool {
	name, value, found := strings.Cut(strings.ReplaceAll(weight, " ", ""), "=")
	q, err := strconv.ParseFloat(value, 64)
	return found && strings.EqualFold(name, "q") && err == nil && q <= 0
}

// gzipTag is the ETag of the compressed form: two forms of a file are two representations.
func gzipTag(etag string) string { return strings.TrimSuffix(etag, `"`) + `-gzip"` }

// buildAssets panics when an embedded file cannot be read, which the compiler has
// already excluded.
func buildAssets() map[string]asset {
	all := map[string]asset{}
	for _, name := range []string{"app.js", "styleguide.css", "mark.svg", "icons.svg"} {
		all[name] = newAsset(name, read(name))
	}
	pinned, err := fs.Glob(files, "third_party/*.*")
	if err != nil {
		panic(err)
	}
	for _, file := range pinned {
		if name := path.Base(file); contentType(name) != "" {
			all[name] = newAsset(name, read(file))
		}
	}
	all["app.css"] = newAsset("app.css", stylesheet(all))
	return all
}

// stylesheet joins css/*.css and puts the fonts' addresses in.
func stylesheet(all map[string]asset) []byte {
	sheets, err := fs.Glob(files, "css/*.css")
	if err != nil {
		panic(err)
	}
	var css bytes.Buffer
	for _, name := range sheets {
		css.Write(read(name))
	}
	return fontReference.ReplaceAllFunc(css.Bytes(), func(m []byte) []byte {
		font := all[string(fontReference.FindSubmatch(m)[1])]
		return []byte(`url("` + font.url + `")`)
	})
}

func read(name string) []byte {
	b, err := files.ReadFile(name)
	if err != nil {
		panic(err)
	}
	return b
}

func newAsset(name string, body []byte) asset {
	sum := sha256.Sum256(body)
	hash := hex.EncodeToString(sum[:8])
	a := asset{
		url:         Prefix + hash + "/" + name,
		contentType: contentType(name),
		body:        body,
		etag:        `"` + hash + `"`,
	}
	if z := compressed(body); len(z) < len(body)*9/10 {
		a.gzipped = z
	}
	return a
}

func compressed(body []byte) []byte {
	var b bytes.Buffer
	z, err := gzip.NewWriterLevel(&b, gzip.BestCompression)
	if err != nil {
		panic(err) // the level is a constant of the same package
	}
	// Writing to a bytes.Buffer does not fail.
	_, _ = z.Write(body)
	_ = z.Close()
	return b.Bytes()
}

func contentType(name string) string {
	switch path.Ext(name) {
	case ".css":
		return "text/css; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".woff2":
		return "font/woff2"
	default:
		return "" // not served: licences, README
	}
}
