package receiver

import (
	"bytes"
	"encoding/json"
	"strings"
)

// object is a JSON object by its members, whose values stay as they are written: a summary needs a few of them, and decoding them all
// took a quarter of the time of grouping. Of what is not valid JSON it makes what it can.
type object []member

type member struct {
	name  []byte
	value []byte // without white space around it
}

// readObject returns the members of an object, none of anything else. It is never nil for an object.
func readObject(raw []byte) object {
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || raw[0] != '{' {
		return nil
	}
	members := make(object, 0, 8)
	for i := 1; i < len(raw); {
		if raw[i] != '"' { // white space, a comma or the end
			i++
			continue
		}
		end := stringEnd(raw, i)
		colon := bytes.IndexByte(raw[end:], ':')
		if end-i < 2 || colon < 0 {
			return members
		}
		name := raw[i+1 : end-1]
		if bytes.IndexByte(name, '\\') >= 0 {
			name = []byte(unquote(raw[i:end]))
		}
		start := end + colon + 1
		i = valueEnd(raw, start)
		members = append(members, member{name, bytes.TrimSpace(raw[start:i])})
	}
	return members
}

// value is the value of a member as it is written, of the last one of that name; nil when there is none.
func (o object) value(name string) []byte {
	for i := len(o) - 1; i >= 0; i-- {
		if string(o[i].name) == name {
			return o[i].value
		}
	}
	return nil
}

// object is the object that a member holds, nil when it holds none.
func (o object) object(name string) object { return readObject(o.value(name)) }

// text is the string that a member holds, or its number as it is written.
func (o object) text(name string) string {
	value := o.value(name)
	switch {
	case len(value) == 0:
		return ""
	case value[0] == '"':
		return strings.TrimSpace(unquote(value))
	case value[0] == '-' || value[0] >= '0' && value[0] <= '9':
		return string(value)
	}
	return ""
}

// firstElement is the first value of an array.
func firstElement(raw []byte) []byte {
	return bytes.TrimSpace(raw[1:valueEnd(raw, 1)])
}

// valueEnd returns where a value ends: at the comma or bracket behind it.
func valueEnd(raw []byte, i int) int {
	for depth := 0; i < len(raw); {
		switch raw[i] {
		case '"':
			i = stringEnd(raw, i)
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			depth--
		case ',':
			if depth == 0 {
				return i
			}
		}
		i++
	}
	return i
}

// stringEnd returns the place behind the string that begins at i.
func stringEnd(raw []byte, i int) int {
	for i++; i < len(raw); i++ {
		switch raw[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return len(raw)
}

func unquote(quoted []byte) string {
	if len(quoted) < 2 {
		return ""
	}
	inside := quoted[1 : len(quoted)-1]
	if bytes.IndexByte(inside, '\\') < 0 {
		return string(inside)
	}
	var s string
	if json.Unmarshal(quoted, &s) != nil {
		return string(inside) // what is around it is valid, so this does not happen
	}
	return s
}
