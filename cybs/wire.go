package cybs

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// flexInt is a JSON number that Cybersource also sends as a string. What does not fit is held at the bounds of 32 bits:
// one absurd number must not hide a whole list of subscriptions.
type flexInt int

// UnmarshalJSON reads 1, 1.0, "1", "" and null, the last two as no change.
func (n *flexInt) UnmarshalJSON(b []byte) error {
	text := strings.TrimSpace(strings.Trim(string(b), `"`))
	if text == "" || text == "null" {
		return nil
	}
	f, err := strconv.ParseFloat(text, 64)
	if err != nil && !math.IsInf(f, 0) || math.IsNaN(f) {
		return fmt.Errorf("%q is not a number", truncate(text, 32))
	}
	*n = flexInt(max(math.MinInt32, min(math.MaxInt32, f)))
	return nil
}

// flexStr is a JSON string that Cybersource also sends as a number or a boolean.
type flexStr string

// UnmarshalJSON reads strings, numbers, booleans and null, which leaves the value alone.
func (s *flexStr) UnmarshalJSON(b []byte) error {
	switch {
	case len(b) == 0 || bytes.Equal(b, []byte("null")):
		return nil
	case b[0] == '"':
		return json.Unmarshal(b, (*string)(s))
	case b[0] == '{' || b[0] == '[':
		return fmt.Errorf("got %s, want a string", kindOf(b))
	}
	*s = flexStr(b)
	return nil
}

// flexBool is a JSON boolean that Cybersource also sends as a string.
type flexBool bool

// UnmarshalJSON reads true, "true", "yes" and their opposites.
func (v *flexBool) UnmarshalJSON(b []byte) error {
	var s flexStr
	if err := s.UnmarshalJSON(b); err != nil {
		return err
	}
	*v = flexBool(isTrue(string(s)))
	return nil
}

func isTrue(s string) bool {
	return strings.EqualFold(s, "true") || strings.EqualFold(s, "yes") || s == "1"
}

// flexNames is a list of names: strings, objects with a name, or one comma-separated string.
type flexNames []string

// UnmarshalJSON reads ["a"], [{"name":"a"}], [{"eventName":"a"}] and "a,b".
func (l *flexNames) UnmarshalJSON(b []byte) error {
	*l = nil
	if len(b) > 0 && b[0] == '"' {
		var s string
		if err := json.Unmarshal(b, &s); err != nil {
			return err
		}
		for name := range strings.SplitSeq(s, ",") {
			if name = strings.TrimSpace(name); name != "" {
				*l = append(*l, name)
			}
		}
		return nil
	}
	var items []json.RawMessage
	if err := json.Unmarshal(b, &items); err != nil {
		return err
	}
	for _, item := range items {
		name, err := nameOf(item)
		if err != nil {
			return err
		}
		*l = append(*l, name)
	}
	return nil
}

func nameOf(item json.RawMessage) (string, error) {
	if len(item) == 0 || item[0] != '{' {
		var s flexStr
		err := json.Unmarshal(item, &s)
		return string(s), err
	}
	var o struct {
		EventName flexStr `json:"eventName"`
		Name      flexStr `json:"name"`
	}
	if err := json.Unmarshal(item, &o); err != nil {
		return "", err
	}
	if o.EventName != "" {
		return string(o.EventName), nil
	}
	return string(o.Name), nil
}

// flexTime is a moment in any of the forms that Cybersource writes.
type flexTime struct{ time.Time }

// UnmarshalJSON reads a moment; what is no moment leaves the zero time, since a date is never worth losing the rest.
func (t *flexTime) UnmarshalJSON(b []byte) error {
	var s flexStr
	if err := s.UnmarshalJSON(b); err != nil {
		return err
	}
	t.Time = parseTime(string(s))
	return nil
}

// timeLayouts are all forms that were seen; fractions of a second are read without being named. A form without a zone
// is taken for UTC, which no document says and every example suggests.
var timeLayouts = [...]string{
	"2006-01-02T15:04:05Z07:00", "2006-01-02T15:04:05", "2006-01-02 15:04:05", "2006-01-02T15:04:05-0700",
	"2006-01-02 15:04:05Z07:00",
}

// parseTime reads any of them; what is none is the zero time.
func parseTime(s string) time.Time {
	s = strings.TrimSpace(s)
	if s == "" || len(s) > 40 {
		return time.Time{}
	}
	for _, layout := range timeLayouts {
		if t, err := time.Parse(layout, s); err == nil {
			return t.UTC()
		}
	}
	return time.Time{}
}

func normalAlgorithm(s string) Algorithm {
	switch {
	case s == "" || strings.EqualFold(s, string(Arithmetic)):
		return Arithmetic
	case strings.EqualFold(s, string(Geometric)):
		return Geometric
	}
	return Algorithm(s)
}

// encodeJSON writes compact JSON without escaping <, > and &, which Cybersource's own SDKs do not either.
func encodeJSON(v any) ([]byte, error) {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(buf.Bytes(), []byte("\n")), nil
}

// kindOf names the kind of a JSON value for an error.
func kindOf(b []byte) string {
	switch {
	case len(b) == 0:
		return "nothing"
	case b[0] == '{':
		return "an object"
	case b[0] == '[':
		return "an array"
	case b[0] == '"':
		return "a string"
	}
	return "a literal"
}
