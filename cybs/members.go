package cybs

import (
	"bytes"
	"encoding/json"
)

// members are the members of a JSON object that nobody has asked for yet. Each of the methods takes one out if it has
// the kind that is asked for, so that in the end the unknown and the unexpected are left, and nothing is lost.
type members map[string]json.RawMessage

// newMembers splits an object; anything else has no members.
func newMembers(object json.RawMessage) members {
	var m members
	if len(object) == 0 || object[0] != '{' || json.Unmarshal(object, &m) != nil {
		return members{}
	}
	return m
}

// text takes a string, number or boolean. A number is its own text, to the last digit.
func (m members) text(name string) string {
	value := bytes.TrimSpace(m[name])
	if len(value) == 0 || value[0] == '{' || value[0] == '[' || string(value) == "null" {
		return ""
	}
	delete(m, name)
	if value[0] != '"' {
		return string(value)
	}
	return unquote(value[1 : len(value)-1])
}

// object takes an object apart; its own unknown members stay in the result.
func (m members) object(name string) members {
	value := bytes.TrimSpace(m[name])
	if len(value) == 0 || value[0] != '{' {
		return members{}
	}
	delete(m, name)
	return newMembers(value)
}

// objects takes an array of nothing but objects, or one object in its place.
func (m members) objects(name string) []members {
	value := bytes.TrimSpace(m[name])
	if len(value) > 0 && value[0] == '{' {
		return []members{m.object(name)}
	}
	var items []json.RawMessage
	if len(value) == 0 || json.Unmarshal(value, &items) != nil {
		return nil
	}
	list := make([]members, len(items))
	for i, item := range items {
		if item = bytes.TrimSpace(item); len(item) == 0 || item[0] != '{' {
			return nil
		}
		list[i] = newMembers(item)
	}
	delete(m, name)
	return list
}

// fill takes a text where field is still empty, or has the same already; another one stays where it is.
func (m members) fill(field *string, name string) {
	one := members{name: m[name]}
	text := one.text(name)
	if text == "" || *field != "" && *field != text {
		return
	}
	*field = text
	delete(m, name)
}

// nested lets read take what it knows from an object, and puts the object back with what is left.
func (m members) nested(name string, read func(members)) {
	object := m.object(name)
	read(object)
	m.put(name, object)
}

// put gives an object back, unless it is empty.
func (m members) put(name string, object map[string]json.RawMessage) {
	if len(object) == 0 {
		return
	}
	if b, err := encodeJSON(object); err == nil { // all of it was JSON, so it does not fail
		m[name] = b
	}
}

// rest returns what nobody took, nil for nothing.
func (m members) rest() map[string]json.RawMessage {
	if len(m) == 0 {
		return nil
	}
	return m
}
