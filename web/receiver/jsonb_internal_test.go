package receiver

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestStorableChangesOnlyWhatPostgresRefuses(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ in, want string }{
		"nothing":                {`{"a":[1,"x",null]}`, `{"a":[1,"x",null]}`},
		"NUL":                    {`["a\u0000b\u0000"]`, `["a\ufffdb\ufffd"]`},
		"escaped backslash":      {`["\\u0000"]`, `["\\u0000"]`},
		"backslash and NUL":      {`["\\\u0000"]`, `["\\\ufffd"]`},
		"lone high surrogate":    {`["\uD800x"]`, `["\ufffdx"]`},
		"lone low surrogate":     {`["\udc00"]`, `["\ufffd"]`},
		"two high surrogates":    {`["\ud800\ud800"]`, `["\ufffd\ufffd"]`},
		"surrogate pair":         {`["\ud83d\ude00"]`, `["\ud83d\ude00"]`},
		"surrogate at the end":   {`["\ud83d"]`, `["\ufffd"]`},
		"name with NUL":          {`{"\u0000":1}`, `{"\ufffd":1}`},
		"invalid UTF-8":          {"[\"\xff\"]", "[\"\uFFFD\"]"},
		"huge exponent":          {`[1e999999]`, `["1e999999"]`},
		"exponent beyond int":    {`[1e99999999999999999999]`, `["1e99999999999999999999"]`},
		"ordinary exponent":      {`[1e400,-2E-300]`, `[1e400,-2E-300]`},
		"brackets in a string":   {`["[[[[{{{{"]`, `["[[[[{{{{"]`},
		"number at the very end": {`1e999999`, `"1e999999"`},
	} {
		if got := storable([]byte(c.in)); string(got) != c.want {
			t.Errorf("%s: %s, want %s", name, got, c.want)
		}
	}
	if got := storable([]byte(strings.Repeat("[", maxJSONDepth+1) + strings.Repeat("]", maxJSONDepth+1))); got != nil {
		t.Errorf("too deep: %.20s…, want nothing", got)
	}
}

func FuzzStorable(f *testing.F) {
	for _, seed := range []string{`{"a\u0000":"\ud800\\u0000"}`, `[1e99999,-0.1E+7]`, "[\"\xff\"]", `"\\\\\u0000"`} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, in []byte) {
		if !json.Valid(in) {
			return
		}
		out := storable(in)
		if out == nil {
			return
		}
		if !json.Valid(out) {
			t.Fatalf("%q became %q, which is no JSON", in, out)
		}
		if again := storable(out); string(again) != string(out) {
			t.Fatalf("%q became %q and then %q", in, out, again)
		}
	})
}
