package mask_test

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf16"

	"github.com/switchboardhq/switchboard/store/mask"
)

// groupings are how the digits of a number can be divided.
func groupings() map[string][]int {
	return map[string][]int{"fours": {4, 4, 4, 4}, "eights": {8, 8}, "pairs": {2, 2, 2, 2, 2, 2, 2, 2}, "digit by digit": {1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1}, "6-10": {6, 10}}
}

func separators() []string {
	return []string{
		" ", "-", ".", "/", "_", ",", ":", ";", "|", "*", "+", "'", "`", "~", "#", "\t", "\n", "  ", " - ", ", ", "\u00a0", "\u2009", "\u202f", "\u3000",
		"\u2010", "\u2011", "\u2013", "\u2014", "\u2212", "\u00b7", "\u2022", "\u30fb", "\u200b", "\u200d", "\ufeff", "\u00ad", "\x00", "\\", "&nbsp;", "%20", "%2D", "%E2%80%93",
	}
}

// digitKinds write a digit in other ways.
func digitKinds() map[string]func(d rune) string {
	from := func(zero rune) func(rune) string { return func(d rune) string { return string(zero + d - '0') } }
	return map[string]func(rune) string{
		"ASCII": from('0'), "full width": from('０'), "Arabic": from('٠'), "Persian": from('۰'), "Devanagari": from('०'), "Bengali": from('০'), "Thai": from('๐'),
		"bold": from('𝟎'), "monospace": from('𝟶'), "subscript": from('₀'),
		"superscript":         func(d rune) string { return string([]rune("⁰¹²³⁴⁵⁶⁷⁸⁹")[d-'0']) },
		"circled":             func(d rune) string { return string([]rune("⓪①②③④⑤⑥⑦⑧⑨")[d-'0']) },
		"percent":             func(d rune) string { return fmt.Sprintf("%%%02X", d) },
		"percent of percent":  func(d rune) string { return fmt.Sprintf("%%25%02X", d) },
		"percent, full width": func(d rune) string { return fmt.Sprintf("%%EF%%BC%%%02X", 0x90+d-'0') },
		"decimal entity":      func(d rune) string { return fmt.Sprintf("&#%d;", d) },
		"hexadecimal entity":  func(d rune) string { return fmt.Sprintf("&#x%x;", d) },
		"escape":              func(d rune) string { return fmt.Sprintf(`\u%04x`, d) },
		"keycap":              func(d rune) string { return string(d) + "\ufe0f\u20e3" },
	}
}

func write(number string, sizes []int, separator string, digit func(rune) string) string {
	var b strings.Builder
	for i, size := range sizes {
		if i > 0 {
			b.WriteString(separator)
		}
		for _, d := range number[:size] {
			b.WriteString(digit(d))
		}
		number = number[size:]
	}
	return b.String()
}

// places are where a text can stand.
func places() map[string]func(string) []byte {
	quoted := func(v any) []byte {
		out, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return out
	}
	utf16As := func(order binary.AppendByteOrder) func(string) []byte {
		return func(s string) []byte {
			var out []byte
			for _, u := range utf16.Encode([]rune(`{"note":"paid with ` + strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\t", `\t`, "\x00", `\u0000`).Replace(s) + `"}`)) {
				out = order.AppendUint16(out, u)
			}
			return out
		}
	}
	return map[string]func(string) []byte{
		"string":         func(s string) []byte { return quoted(map[string]string{"note": s}) },
		"in a sentence":  func(s string) []byte { return quoted(map[string]string{"note": "paid: " + s + ", thanks"}) },
		"id":             func(s string) []byte { return quoted(map[string]string{"requestId": s, "href": "/a/" + s}) },
		"member name":    func(s string) []byte { return quoted(map[string]int{s: 1}) },
		"nested":         func(s string) []byte { return quoted(string(quoted(string(quoted(map[string]string{"a": s}))))) },
		"form":           func(s string) []byte { return []byte("a=1&b=" + s + "&c=2") },
		"text":           func(s string) []byte { return []byte("x " + s + " y") },
		"broken JSON":    func(s string) []byte { return []byte(`{"a":"` + s + `","b`) },
		"UTF-16 LE":      utf16As(binary.LittleEndian),
		"UTF-16 BE":      utf16As(binary.BigEndian),
		"UTF-16 LE, BOM": func(s string) []byte { return append([]byte("\xff\xfe"), utf16As(binary.LittleEndian)(s)...) },
	}
}

func TestEveryWritingOfACardNumberIsHidden(t *testing.T) {
	t.Parallel()
	tried := 0
	for place, put := range places() {
		for kind, digit := range digitKinds() {
			tried += 2
			wantHidden(t, place+", "+kind, put(write(visa, []int{16}, "", digit)))
			wantHidden(t, place+", "+kind+" with dashes", put(write(visa, []int{4, 4, 4, 4}, "-", digit)))
		}
		for _, separator := range separators() {
			for grouping, sizes := range groupings() {
				tried++
				wantHidden(t, fmt.Sprintf("%s, %q, %s", place, separator, grouping), put(write(mastercard, sizes, separator, digitKinds()["ASCII"])))
			}
		}
	}
	if tried < 1000 {
		t.Errorf("tried %d writings", tried)
	}
}

func wantHidden(t *testing.T, name string, in []byte) {
	t.Helper()
	got := mask.JSON(in)
	if got.Found == 0 {
		t.Errorf("%s: nothing found in %q", name, in)
	}
	if again := mask.JSON(got.Text); again.Found != 0 && !strings.Contains(string(again.Text), "***") {
		t.Errorf("%s: masked again, %q became %q", name, got.Text, again.Text)
	}
}

func TestCodesAndExpiryAttachedToANumberAreHidden(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		visa + "1231", visa + "3112", visa + "122031", visa + "203112", visa + "1231987", visa + "12319876", amex + "1231", amex + "12319876",
		visa + "|12|31|987", visa + "|12|2031|987", visa + " 12/31 987", "4111 1111 1111 1111 1231 987", visa + ";1231;987", visa + "=31129870000",
	} {
		for place, put := range places() {
			got := string(mask.JSON(put(s)).Text)
			if strings.Contains(got, visa) || strings.Contains(got, amex) || strings.Contains(got, "987") {
				t.Errorf("%s: %q became %q", place, s, got)
			}
		}
	}
}

func TestSecurityCodesAreHiddenInEveryText(t *testing.T) {
	t.Parallel()
	for _, s := range []string{
		"card=" + visa + "&cvv=987", "CVV: 987", "cvv 987", "CVC2 #987", "CVV is 987", "cvn-987", "security code: 987", "Security Code 987", "card verification number = 987", "card code: 987",
		"cvv=%39%38%37987", "verificationCode: 987", "PIN: 987", `cvv: "987"`, `cvv => 987`, "cvv=(987)", "a;cvv=987;b",
	} {
		for place, put := range places() {
			if place == "member name" || place == "id" {
				continue
			}
			if got := string(mask.JSON(put(s)).Text); strings.Contains(got, "987") || strings.Contains(got, "9\x008\x007") {
				t.Errorf("%s: %q became %q", place, s, got)
			}
		}
	}
}

func TestEverythingBelowASecurityCodeIsHidden(t *testing.T) {
	t.Parallel()
	for _, in := range []string{
		`{"cvv":{"value":"987"}}`, `{"cvv":{"value":987}}`, `{"cvv":[{"a":{"b":["987"]}}]}`, `{"cardCode":"987"}`, `{"verificationCode":"987"}`, `{"pin":"987"}`, `{"cvv":{"987":true}}`,
		`{"card":{"securityCode":{"encrypted":false,"code":"987"}}}`, `{"CARD-CVV-2":"987"}`, `{"card.cvv":"987"}`, `{"card[cvv]":"987"}`, `{"Security Code":"987"}`, `{"encryptedPinBlock":"987"}`,
		`{"track2":{"raw":"987"}}`, `{"trackTwoData":"987"}`,
	} {
		if got := string(mask.JSON([]byte(in)).Text); strings.Contains(got, "987") || !json.Valid([]byte(got)) {
			t.Errorf("%s became %s", in, got)
		}
	}
}

// Cybersource's ids are long numbers, of which one in ten has the check digit of a card.
func TestIDsTimesAndAmountsStayReadable(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	masked := 0
	const count = 20_000
	for range count {
		id := fmt.Sprintf("%d%015d%06d", 4+random.IntN(4), random.Int64N(1e15), random.IntN(1e6))
		if got := mask.JSON([]byte(`{"id":"` + id + `","n":` + id + `}`)); got.Found > 0 {
			masked++
		}
	}
	if masked > count/5000 {
		t.Errorf("%d of %d request ids were masked", masked, count)
	}
	for range count {
		ms := 1_600_000_000_000 + random.Int64N(400_000_000_000)
		hex := fmt.Sprintf("%016x%016x", random.Uint64(), random.Uint64())
		in := fmt.Sprintf(`{"a":%d,"b":"%d","c":"%s","d":"%s-%s-%s-%s-%s","e":"%d.%02d"}`, ms, ms*1000, hex, hex[:8], hex[8:12], hex[12:16], hex[16:20], hex[20:], random.Int64N(1e9), random.IntN(100))
		if got := mask.JSON([]byte(in)); got.Found > 0 && strings.Trim(hex, "0123456789") != "" {
			t.Errorf("%s became %s", in, got.Text)
		}
	}
}
