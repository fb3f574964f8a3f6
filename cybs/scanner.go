package cybs

import (
	"errors"
	"fmt"
)

// MaxDepth is how deeply arrays and objects of a notification may be nested.
const MaxDepth = 256

// Why a body could not be read as JSON.
var (
	ErrNotJSON = errors.New("body is not JSON")
	ErrTooDeep = errors.New("body is nested too deeply")
)

// scanner walks over JSON without decoding it, so that every value is known by its own bytes. It accepts what
// encoding/json accepts (any bytes above 0x7f in strings, numbers of any length, repeated members) and no more.
type scanner struct {
	data []byte
	pos  int
}

// document reads one value with nothing but white space around it. If the value is an object, visit gets each of its
// members: the name as written, without quotes, and the bytes of the value.
func (s *scanner) document(visit func(name, value []byte)) error {
	s.space()
	var err error
	if s.peek() == '{' {
		err = s.object(1, visit)
	} else {
		err = s.value(0)
	}
	if err != nil {
		return err
	}
	if s.space(); s.pos < len(s.data) {
		return s.notJSON()
	}
	return nil
}

// notJSON says where reading stopped; it does not quote the body.
func (s *scanner) notJSON() error { return fmt.Errorf("%w (byte %d)", ErrNotJSON, s.pos) }

func (s *scanner) space() {
	for s.pos < len(s.data) && isSpace(s.data[s.pos]) {
		s.pos++
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\t' || c == '\r' }

// peek returns the next byte, 0 at the end; no JSON token starts with 0.
func (s *scanner) peek() byte {
	if s.pos < len(s.data) {
		return s.data[s.pos]
	}
	return 0
}

// value reads any value; depth is the number of arrays and objects around it.
func (s *scanner) value(depth int) error {
	switch c := s.peek(); c {
	case '{':
		return s.object(depth+1, nil)
	case '[':
		return s.array(depth + 1)
	case '"':
		_, err := s.text()
		return err
	case 't':
		return s.literal("true")
	case 'f':
		return s.literal("false")
	case 'n':
		return s.literal("null")
	default:
		return s.number()
	}
}

func (s *scanner) object(depth int, visit func(name, value []byte)) error {
	if depth > MaxDepth {
		return fmt.Errorf("%w: more than %d levels", ErrTooDeep, MaxDepth)
	}
	s.pos++ // the brace
	if s.space(); s.peek() == '}' {
		s.pos++
		return nil
	}
	for {
		s.space()
		name, err := s.text()
		if err != nil {
			return err
		}
		if s.space(); s.peek() != ':' {
			return s.notJSON()
		}
		s.pos++
		s.space()
		start := s.pos
		if err := s.value(depth); err != nil {
			return err
		}
		if visit != nil {
			visit(name, s.data[start:s.pos:s.pos])
		}
		if done, err := s.more('}'); done || err != nil {
			return err
		}
	}
}

func (s *scanner) array(depth int) error {
	if depth > MaxDepth {
		return fmt.Errorf("%w: more than %d levels", ErrTooDeep, MaxDepth)
	}
	s.pos++ // the bracket
	if s.space(); s.peek() == ']' {
		s.pos++
		return nil
	}
	for {
		s.space()
		if err := s.value(depth); err != nil {
			return err
		}
		if done, err := s.more(']'); done || err != nil {
			return err
		}
	}
}

// more reads what follows an element: a comma, or the end of the list.
func (s *scanner) more(end byte) (done bool, err error) {
	s.space()
	switch s.peek() {
	case ',':
		s.pos++
		return false, nil
	case end:
		s.pos++
		return true, nil
	}
	return false, s.notJSON()
}

// text reads a string and returns what is between its quotes, escapes included.
func (s *scanner) text() ([]byte, error) {
	if s.peek() != '"' {
		return nil, s.notJSON()
	}
	s.pos++
	start := s.pos
	for s.pos < len(s.data) {
		switch c := s.data[s.pos]; {
		case c == '"':
			s.pos++
			return s.data[start : s.pos-1], nil
		case c < ' ':
			return nil, s.notJSON()
		case c == '\\':
			if err := s.escape(); err != nil {
				return nil, err
			}
		default:
			s.pos++
		}
	}
	return nil, s.notJSON()
}

func (s *scanner) escape() error {
	s.pos++ // the backslash
	switch s.peek() {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.pos++
		return nil
	case 'u':
		s.pos++
		for range 4 {
			if !isHex(s.peek()) {
				return s.notJSON()
			}
			s.pos++
		}
		return nil
	}
	return s.notJSON()
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func (s *scanner) literal(word string) error {
	if len(s.data)-s.pos < len(word) || string(s.data[s.pos:s.pos+len(word)]) != word {
		return s.notJSON()
	}
	s.pos += len(word)
	return nil
}

// number reads a number of any length and precision.
func (s *scanner) number() error {
	if s.peek() == '-' {
		s.pos++
	}
	if s.peek() == '0' {
		s.pos++
	} else if !s.digits() {
		return s.notJSON()
	}
	if s.peek() == '.' {
		s.pos++
		if !s.digits() {
			return s.notJSON()
		}
	}
	if c := s.peek(); c == 'e' || c == 'E' {
		s.pos++
		if c := s.peek(); c == '+' || c == '-' {
			s.pos++
		}
		if !s.digits() {
			return s.notJSON()
		}
	}
	return nil
}

func (s *scanner) digits() bool {
	start := s.pos
	for c := s.peek(); c >= '0' && c <= '9'; c = s.peek() {
		s.pos++
	}
	return s.pos > start
}
