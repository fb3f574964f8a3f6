package main

import (
	"fmt"
	"os"
	"reflect"
	"strings"
	"unicode"
)

// passwordSecrecy is the tag of a secret that people type.
const passwordSecrecy = "password"

// maxSecretFile bounds what is read for one variable.
const maxSecretFile = 64 << 10

// valueOf is what a variable is set to, by itself or, for a secret, through the file that NAME_FILE names. "" is not set.
func valueOf(name, secrecy string, getenv func(string) string) (string, error) {
	value, err := tidyValue(name, secrecy, getenv(name))
	if err != nil || secrecy == "" {
		return value, err
	}
	file := strings.TrimFunc(getenv(name+"_FILE"), isOddEnd)
	switch {
	case file == "":
		return value, nil
	case value != "":
		return "", fmt.Errorf("%s and %s_FILE are both set: want one of them", name, name)
	}
	info, err := os.Stat(file)
	if err != nil {
		return "", fmt.Errorf("%s_FILE is %q: want a file that can be read: %w", name, file, err)
	}
	if info.Size() > maxSecretFile {
		return "", fmt.Errorf("%s_FILE is %q: want a file with the value alone, this one has %d bytes", name, file, info.Size())
	}
	content, err := os.ReadFile(file) //nolint:gosec // the operator names it
	if err != nil {
		return "", fmt.Errorf("%s_FILE is %q: want a file that can be read: %w", name, file, err)
	}
	if value, err = tidyValue(name, secrecy, string(content)); err == nil && value == "" {
		err = fmt.Errorf("%s_FILE is %q: the file is empty", name, file)
	}
	return value, err
}

// tidyValue takes off what files, shells and copying leave at the ends of a value, or names it where it may be meant: in a password.
func tidyValue(name, secrecy, value string) (string, error) {
	var tidy string
	if secrecy == passwordSecrecy {
		tidy = strings.TrimRight(strings.TrimPrefix(value, "\uFEFF"), "\r\n")
		if end := oddEnd(tidy); end != "" {
			return "", fmt.Errorf("%s (not shown) begins or ends with %s, which nobody would type: want it without", name, end)
		}
	} else {
		tidy = strings.TrimFunc(value, isOddEnd)
	}
	switch {
	case tidy == "":
		return "", nil
	case strings.ContainsRune(`"'`, rune(tidy[0])):
		return "", fmt.Errorf("%s (not shown) begins with a quotation mark: want the value without quotation marks around it", name)
	case strings.ContainsFunc(tidy, unicode.IsControl):
		return "", fmt.Errorf("%s (not shown) has a line end or another control character inside: want it in one line", name)
	}
	return tidy, nil
}

// isOddEnd reports whether a character is never meant at the end of a value: white space, and what cannot be seen.
func isOddEnd(r rune) bool {
	return unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r)
}

// oddEnd names the character at either end that cannot be seen, "" when there is none.
func oddEnd(value string) string {
	runes := []rune(value)
	if len(runes) == 0 {
		return ""
	}
	for _, r := range []rune{runes[0], runes[len(runes)-1]} {
		switch {
		case !isOddEnd(r):
		case r == ' ':
			return "a space"
		case r == '\t':
			return "a tab"
		case r == '\n' || r == '\r':
			return "a line end"
		case r == '\u00a0':
			return "a no-break space"
		default:
			return fmt.Sprintf("the invisible character %U", r)
		}
	}
	return ""
}

// tidyFlags does for values that came as flags what valueOf does for variables.
func (s *settings) tidyFlags() error {
	v := reflect.ValueOf(s).Elem()
	for i := range v.NumField() {
		tag := v.Type().Field(i).Tag
		tidy, err := tidyValue(tag.Get("variable"), tag.Get("secret"), v.Field(i).String())
		if err != nil {
			return err
		}
		v.Field(i).SetString(tidy)
	}
	return nil
}
