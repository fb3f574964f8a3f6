package cybs

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"
	"unicode/utf16"
)

// library writes JSON strings like one of those that sign or pass on notifications; it is written a second time here, to compare with.
type library struct {
	name  string
	extra string // characters that are escaped though they need not be
	ascii bool   // so is everything beyond ASCII
	slash bool   // / becomes \/
	upper bool
}

func libraries() []library {
	var list []library
	for _, l := range []library{
		{name: "minimal"},
		{name: "Go", extra: "<>&\u2028\u2029"},
		{name: "Go without HTML", extra: "\u2028\u2029"},
		{name: "Gson", extra: "<>&='\u2028\u2029"},
		{name: "Gson without HTML", extra: "\u2028\u2029"},
		{name: ".NET", extra: "<>&'+`\"\u007f", ascii: true},
		{name: "Json.NET", extra: "\u0085\u2028\u2029"},
		{name: "Json.NET for HTML", extra: "<>&'\"\u0085\u2028\u2029"},
		{name: "Jackson or Python", ascii: true},
		{name: "PHP", ascii: true, slash: true},
		{name: "PHP with slashes", ascii: true},
		{name: "PHP in Unicode", slash: true, extra: "\u2028\u2029"},
		{name: "PHP before 7.1 in Unicode", slash: true},
		{name: "PHP for HTML", extra: "<>&'\"", ascii: true, slash: true},
		{name: "Rails", extra: "<>&\u2028\u2029"},
	} {
		for _, upper := range []bool{false, true} {
			l.upper = upper
			list = append(list, l)
		}
	}
	return list
}

func (l library) text(s string) string {
	var b strings.Builder
	format := `\u%04x`
	if l.upper {
		format = `\u%04X`
	}
	b.WriteByte('"')
	for _, r := range s {
		switch {
		case strings.ContainsRune(l.extra, r), l.ascii && r > 0x7f, r < ' ' && r != '\n':
			for _, u := range utf16.Encode([]rune{r}) {
				fmt.Fprintf(&b, format, u)
			}
		case r == '\n':
			b.WriteString(`\n`)
		case r == '"' || r == '\\':
			b.WriteString(`\` + string(r))
		case r == '/' && l.slash:
			b.WriteString(`\/`)
		default:
			b.WriteRune(r)
		}
	}
	return b.String() + `"`
}

func (l library) envelope(name string) string {
	return `{"webhookId":"w","payload":{"data":{"name":` + l.text(name) + `,"n":1.50},"organizationId":"o"},"requestType":"NEW"}`
}

// Whatever library signed and whatever library wrote what arrived, the text is the same, and nobody is called a forger for it.
func TestAnyLibrarysWritingIsExplainedByAnyOthers(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"Zoë's <a/b> & \"c\" = d+e`f\\ \u0085\u2028\u2029\u007f \U0001f600 \x01\x1f\nend", "a=b", "it's", "a+b", "\u2028", "é", "ÿ", "<"} {
		for _, signer := range libraries() {
			for _, writer := range libraries() {
				signed, arrived := signer.envelope(text), writer.envelope(text)
				if signed == arrived {
					continue
				}
				for _, part := range []func(string) []byte{func(s string) []byte { return []byte(s) }, func(s string) []byte { return payloadMember([]byte(s)) }} {
					got := explained{signed: part(signed), body: []byte(arrived)}.explain("now")
					if got.Rung != RungReserialised && got.Rung != RungVerifies {
						t.Errorf("%q signed by %s (upper %t), written by %s (upper %t): got %s, %q", text, signer.name, signer.upper, writer.name, writer.upper, got.Rung, got.Detail)
					}
				}
			}
		}
	}
}

// Mojibake: UTF-8 that was read in an 8-bit charset, or written in one, on either side.
func TestEightBitCharsetsAreExplained(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"Zoë", "50 € für Müller", "“naïve” – ok…", "日本", "ÿþ\u0081"} {
		body := []byte((library{}).envelope(text))
		for name, c := range map[string]struct {
			signed, arrived []byte
		}{
			"read as Latin-1":                {body, fromLatin1(body)},
			"read as Windows-1252":           {body, fromWindows1252(body)},
			"signed as read as Latin-1":      {fromLatin1(body), body},
			"signed as read as Windows-1252": {fromWindows1252(body), body},
			"read as Latin-1 and escaped":    {body, escaped(nil, fromLatin1(body), escNonASCII)},
			"read as 1252 and escaped":       {body, escaped(nil, fromWindows1252(body), escNonASCII|upperHex)},
		} {
			if got := (explained{signed: c.signed, body: c.arrived}).explain("now"); got.Rung != RungCharset {
				t.Errorf("%s, %s: got %s, %q, want %s", text, name, got.Rung, got.Detail, RungCharset)
			}
		}
		if latin, ok := toLatin1(body); ok {
			for name, c := range map[string]explained{"converted": {signed: body, body: latin}, "signed converted": {signed: latin, body: body}} {
				if got := c.explain("now"); got.Rung != RungCharset {
					t.Errorf("%s %s to Latin-1: got %s", text, name, got.Rung)
				}
			}
		}
		if windows, ok := toWindows1252(body); ok {
			for name, c := range map[string]explained{"converted": {signed: body, body: windows}, "signed converted": {signed: windows, body: body}} {
				if got := c.explain("now"); got.Rung != RungCharset {
					t.Errorf("%s %s to Windows-1252: got %s", text, name, got.Rung)
				}
			}
		}
	}
}

// A stranger's body costs a bounded time and little memory beyond its own, whatever is in it.
func TestExplainingAHostileMegabyteIsBounded(t *testing.T) { //nolint:paralleltest // it measures memory
	for name, unit := range map[string]string{
		"everything to escape": "é<>&='+`/\u2028\u0085\U0001f600\\\"", "escapes": `\u00e9`, "quotes": `\"`, "backslashes": `\\`, "three bytes": "日", "slashes": "/",
	} {
		body := []byte(`{"payload":{"a":"` + strings.Repeat(unit, 1<<19/len(unit)) + `"},"b":"` + strings.Repeat(unit, 1<<19/len(unit)) + `"}`)
		var before, after runtime.MemStats
		runtime.ReadMemStats(&before)
		begun := time.Now()
		got := explained{signedKey: Secret("nobody's"), signed: []byte("other"), body: body}.explain("now")
		took := time.Since(begun)
		runtime.ReadMemStats(&after)
		if got.Rung != RungNoExplanation && got.Rung != RungStoppedAtItsLimit {
			t.Errorf("%s: got %s", name, got.Rung)
		}
		if took > 20*time.Second {
			t.Errorf("%s: took %s", name, took)
		}
		if allocated := after.TotalAlloc - before.TotalAlloc; allocated > 256<<20 {
			t.Errorf("%s: %d MiB allocated", name, allocated>>20)
		}
	}
}

func TestWindows1252ThereAndBack(t *testing.T) {
	t.Parallel()
	all := make([]byte, 256)
	for i := range all {
		all[i] = byte(i)
	}
	if back, ok := toWindows1252(fromWindows1252(all)); !ok || !bytes.Equal(back, all) {
		t.Errorf("got %x, %t", back, ok)
	}
	if _, ok := toWindows1252([]byte("日")); ok {
		t.Error("a character that it does not have is written")
	}
}
