package web

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/labstack/echo/v4"

	"github.com/switchboardhq/switchboard/views/ui"
)

// form reads a posted form: each value is trimmed, bounded and free of what Postgres cannot hold, or its field has an error.
type form struct {
	values url.Values
	order  []string
	errors map[string]string
	// resumed says that the form was only opened again after its session had ended: it shows what was typed, and nothing is done.
	resumed bool
}

// parseForm reads the body of a POST. Its error is a page, not a field.
func parseForm(c echo.Context) (*form, error) {
	r := c.Request()
	if err := r.ParseForm(); err != nil {
		return nil, badForm(err)
	}
	f := &form{values: r.PostForm, errors: map[string]string{}}
	if f.resumed = f.has(resumeField); f.resumed {
		for _, name := range f.values[keptOutField] {
			f.fail(name, "This was not kept when your session ended. Type it again.")
		}
	}
	return f, nil
}

// emptyForm is for a page that shows a form for the first time.
func emptyForm() *form { return &form{values: url.Values{}, errors: map[string]string{}} }

// has reports whether a field of that name was sent.
func (f *form) has(name string) bool { return f.values.Has(name) }

// badForm is the error for a body that cannot be read as a form.
func badForm(err error) error {
	if tooLarge := (*http.MaxBytesError)(nil); errors.As(err, &tooLarge) {
		return err
	}
	return userError(http.StatusBadRequest, "The form could not be read. Reload the page and try again.", err)
}

// fail marks a field as wrong, with a sentence that says what to do. The first error of a field stays.
func (f *form) fail(name, text string) {
	if f.errors[name] == "" {
		f.order = append(f.order, name)
		f.errors[name] = text
	}
}

// ok reports whether no field is wrong.
func (f *form) ok() bool { return len(f.errors) == 0 && !f.resumed }

// problem is what is wrong with a field, or "".
func (f *form) problem(name string) string { return f.errors[name] }

// summary lists what is wrong, in the order it was found, for ui.ErrorSummary.
func (f *form) summary() []ui.FieldError {
	list := make([]ui.FieldError, 0, len(f.order)+1)
	if f.resumed {
		list = append(list, ui.FieldError{Text: "Your session had ended before this form was sent, so nothing was saved. Look at your answers and send them now."})
	}
	for _, name := range f.order {
		list = append(list, ui.FieldError{FieldID: name, Text: f.errors[name]})
	}
	return list
}

// text is one line of at most maxRunes characters; "" when it is missing or wrong.
func (f *form) text(name string, maxRunes int) string {
	return f.clean(name, f.values.Get(name), maxRunes, false)
}

// lines is text that may have line breaks.
func (f *form) lines(name string, maxRunes int) string {
	return f.clean(name, strings.ReplaceAll(f.values.Get(name), "\r\n", "\n"), maxRunes, true)
}

// required is text that must not be empty; missing says what is asked for.
func (f *form) required(name string, maxRunes int, missing string) string {
	value := f.text(name, maxRunes)
	if value == "" {
		f.fail(name, missing)
	}
	return value
}

// secret is text that is not trimmed and never given back to a page.
func (f *form) secret(name string, maxBytes int) string {
	value := f.values.Get(name)
	switch {
	case len(value) > maxBytes:
		f.fail(name, fmt.Sprintf("Use at most %d bytes.", maxBytes))
	case !utf8.ValidString(value) || strings.ContainsRune(value, 0):
		f.fail(name, "This holds bytes that are not text. Type it again.")
	default:
		return value
	}
	return ""
}

func (f *form) clean(name, value string, maxRunes int, breaks bool) string {
	value = strings.TrimSpace(value)
	switch {
	case !utf8.ValidString(value):
		f.fail(name, "This holds bytes that are not text. Type it again.")
	case strings.ContainsFunc(value, func(r rune) bool { return unicode.IsControl(r) && (!breaks || r != '\n' && r != '\t') }):
		f.fail(name, "This holds a character that cannot be stored. Type it again.")
	case utf8.RuneCountInString(value) > maxRunes:
		f.fail(name, fmt.Sprintf("Use at most %d characters.", maxRunes))
	default:
		return value
	}
	return ""
}

// number is a whole number within bounds.
func (f *form) number(name string, low, high int) int {
	n, err := strconv.Atoi(f.text(name, 20))
	if err != nil || n < low || n > high {
		f.fail(name, fmt.Sprintf("Use a whole number from %d to %d.", low, high))
		return low
	}
	return n
}

// choice is one of the words given; the first when none was sent.
func (f *form) choice(name string, words ...string) string {
	value := f.text(name, 100)
	if value == "" {
		return words[0]
	}
	for _, w := range words {
		if value == w {
			return w
		}
	}
	f.fail(name, "Choose one of the answers offered.")
	return words[0]
}

// checked reports whether a checkbox is ticked.
func (f *form) checked(name string) bool { return f.values.Get(name) != "" }

// list holds all values of a name, at most maxItems of maxRunes characters each.
func (f *form) list(name string, maxItems, maxRunes int) []string {
	values := f.values[name]
	if len(values) > maxItems {
		f.fail(name, fmt.Sprintf("Choose at most %d.", maxItems))
		return nil
	}
	clean := make([]string, 0, len(values))
	for _, v := range values {
		if v = f.clean(name, v, maxRunes, false); v != "" {
			clean = append(clean, v)
		}
	}
	return clean
}

// typed is a value as it was sent, to be shown again in its field: made valid, and not longer than anybody types.
func (f *form) typed(name string) string {
	value := strings.ToValidUTF8(f.values.Get(name), "\uFFFD")
	if r := []rune(value); len(r) > 5000 {
		value = string(r[:5000])
	}
	return strings.ReplaceAll(value, "\x00", "\uFFFD")
}

// idParam is the `:id` of the path. What is no number names nothing.
func idParam(c echo.Context) (int64, error) {
	id, err := strconv.ParseInt(c.Param("id"), 10, 64)
	if err != nil || id <= 0 {
		return 0, userError(http.StatusNotFound, nothingUnderText, err)
	}
	return id, nil
}
