package cybs

import (
	"bytes"
	"encoding/json"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

const (
	maxErrorText    = 500 // runes of a message
	maxErrorWord    = 100 // runes of a status, reason, id or field name
	maxErrorDetails = 20
)

// wireError is the union of every error body that was seen (reference: the model of the SDKs, the 404 of the
// subscription calls, the gateway in front, unavailable services, and the key service).
type wireError struct {
	Status  looseStr     `json:"status"`
	Reason  looseStr     `json:"reason"`
	Message looseStr     `json:"message"`
	Details []wireDetail `json:"details"`

	Response struct {
		Message looseStr `json:"rmsg"`
	} `json:"response"`
	Errors []struct {
		Type    looseStr `json:"type"`
		Message looseStr `json:"message"`
	} `json:"errors"`
	KeyInformation struct {
		Message          looseStr `json:"message"`
		ErrorInformation struct {
			Reason  looseStr     `json:"reason"`
			Message looseStr     `json:"message"`
			Details []wireDetail `json:"details"`
		} `json:"errorInformation"`
	} `json:"keyInformation"`
}

type wireDetail struct {
	Field  looseStr `json:"field"`
	Reason looseStr `json:"reason"`
}

// looseStr is a flexStr that stays empty where an object or array stands: an error must be read as far as it can be.
type looseStr flexStr

// UnmarshalJSON reads what flexStr reads, and never fails.
func (s *looseStr) UnmarshalJSON(b []byte) error {
	if err := (*flexStr)(s).UnmarshalJSON(b); err != nil {
		*s = ""
	}
	return nil
}

// newAPIError reads an answer that is not a success.
func newAPIError(op call, resp *http.Response, body []byte, now time.Time) *APIError {
	e := &APIError{
		Method: op.method, Path: cleanText(op.path, maxErrorText), StatusCode: resp.StatusCode,
		CorrelationID: cleanText(resp.Header.Get("V-C-Correlation-Id"), maxErrorWord),
		RetryAfter:    parseRetryAfter(resp.Header.Get("Retry-After"), now),
	}
	var w wireError
	if err := json.Unmarshal(body, &w); err != nil && !json.Valid(body) {
		e.foreign = len(bytes.TrimSpace(body)) > 0
	} // else a member has a type that was never seen, and the others are read all the same
	show := func(s looseStr, limit int) string { return errorText(withoutSecret(string(s), op.secret), limit) }
	key := w.KeyInformation
	e.Status = show(w.Status, maxErrorWord)
	e.Reason = show(firstOf(w.Reason, key.ErrorInformation.Reason), maxErrorWord)
	message := firstOf(w.Message, key.Message, key.ErrorInformation.Message, w.Response.Message)
	if len(w.Errors) > 0 {
		e.Reason = show(firstOf(looseStr(e.Reason), w.Errors[0].Type), maxErrorWord)
		message = firstOf(message, w.Errors[0].Message)
	}
	e.Message = show(message, maxErrorText)
	if e.Message == "" {
		e.Message = fallbackMessage(resp)
	}
	for _, d := range append(w.Details, key.ErrorInformation.Details...) {
		if len(e.Details) == maxErrorDetails {
			break
		}
		e.Details = append(e.Details, FieldError{
			Field:  show(d.Field, maxErrorWord),
			Reason: show(d.Reason, maxErrorText),
		})
	}
	return e
}

// fallbackMessage explains an answer without a message of its own.
func fallbackMessage(resp *http.Response) string {
	if resp.StatusCode >= 300 && resp.StatusCode < 400 {
		return "redirects are not followed"
	}
	return http.StatusText(resp.StatusCode)
}

// errorText makes a text of an answer fit to be logged and shown. Redaction comes before cutting, which could leave
// half a card number.
func errorText[S ~string](s S, limit int) string { return cleanText(redactText(string(s)), limit) }

func firstOf[S ~string](values ...S) S {
	for _, v := range values {
		if v != "" {
			return v
		}
	}
	return ""
}

// parseRetryAfter reads seconds or an HTTP date; what is neither, or lies in the past, is 0.
func parseRetryAfter(s string, now time.Time) time.Duration {
	if s == "" {
		return 0
	}
	if n, err := strconv.ParseUint(s, 10, 31); err == nil {
		return time.Duration(n) * time.Second
	}
	if t, err := http.ParseTime(s); err == nil {
		return max(0, t.Sub(now))
	}
	return 0
}

// cleanText replaces what cannot be shown or stored as text (invalid UTF-8, control characters) by U+FFFD and cuts
// after limit bytes, between two characters.
func cleanText(s string, limit int) string {
	s = truncate(s, limit)
	clean := true
	for i := 0; i < len(s) && clean; i++ {
		clean = s[i] >= 0x20 && s[i] < 0x7f
	}
	if clean {
		return s
	}
	return strings.Map(func(r rune) rune {
		if r == utf8.RuneError || unicode.IsControl(r) {
			return unicode.ReplacementChar
		}
		return r
	}, s)
}

// truncate cuts s after limit bytes, between two characters.
func truncate(s string, limit int) string {
	if len(s) <= limit {
		return s
	}
	for limit > 0 && !utf8.RuneStart(s[limit]) {
		limit--
	}
	return s[:limit]
}

var (
	cardPattern  = regexp.MustCompile(`\b\d(?:[ -]?\d){12,18}\b`)
	tokenPattern = regexp.MustCompile(`[A-Za-z0-9+/_-]{40,}(?:[=.][A-Za-z0-9+/_=.-]*)?`)
)

// minRedacted is the shortest text that is treated as a secret: taking out every single letter helps nobody.
const minRedacted = 4

// withoutSecret takes a secret that was sent out of a text, as it is and as JSON writes it. It comes before cutting, which
// could leave half of it.
func withoutSecret(text string, secret Secret) string {
	if len(secret) < minRedacted {
		return text
	}
	text = strings.ReplaceAll(text, string(secret), redacted)
	if quoted, err := encodeJSON(string(secret)); err == nil { // a string, so it does not fail
		text = strings.ReplaceAll(text, string(quoted[1:len(quoted)-1]), redacted)
	}
	return text
}

// redactText takes out of a message what servers are known to echo: card numbers, keys and tokens.
func redactText(s string) string {
	s = tokenPattern.ReplaceAllString(s, redacted)
	return cardPattern.ReplaceAllString(s, redacted)
}
