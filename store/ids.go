package store

import (
	"crypto/rand"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgtype"
)

// ID names a delivery or a notification: a UUID version 7 (RFC 9562 §5.7), so that sorting by ID sorts by time of arrival.
// The zero ID means none.
type ID [16]byte

// NewID makes an ID for something that arrived at t. Within a millisecond, IDs order by microsecond and then at random.
func NewID(t time.Time) ID {
	var id ID
	putMillis(&id, t)
	// RFC 9562 §6.2, method 3: twelve bits of sub-millisecond time keep bursts in order.
	fraction := uint16(t.UnixMicro()%1000) * 4 // 0..3996 fits twelve bits
	binary.BigEndian.PutUint16(id[6:8], 0x7000|fraction)
	_, _ = rand.Read(id[8:]) // crypto/rand.Read never fails since Go 1.24
	id[8] = id[8]&0x3f | 0x80
	return id
}

// FloorID is the lowest ID of the millisecond of t: what arrived at t or later has an ID not below it.
func FloorID(t time.Time) ID {
	var id ID
	putMillis(&id, t)
	return id
}

func putMillis(id *ID, t time.Time) {
	const last = 1<<48 - 1 // in the year 10889
	ms := uint64(min(max(t.UnixMilli(), 0), last))
	binary.BigEndian.PutUint32(id[0:4], uint32(ms>>16))
	binary.BigEndian.PutUint16(id[4:6], uint16(ms)) //nolint:gosec // the low sixteen bits on purpose
}

// ParseID reads the text form of a UUID. Its error names the text.
func ParseID(text string) (ID, error) {
	var id ID
	if len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return ID{}, fmt.Errorf("read id %q: not a UUID", text)
	}
	digits := text[0:8] + text[9:13] + text[14:18] + text[19:23] + text[24:36]
	if _, err := hex.Decode(id[:], []byte(digits)); err != nil {
		return ID{}, fmt.Errorf("read id %q: not a UUID", text)
	}
	return id, nil
}

// Time is when the thing arrived, to the millisecond, in UTC.
func (id ID) Time() time.Time {
	ms := int64(binary.BigEndian.Uint32(id[0:4]))<<16 | int64(binary.BigEndian.Uint16(id[4:6]))
	return time.UnixMilli(ms).UTC()
}

// IsZero reports whether the ID names nothing.
func (id ID) IsZero() bool { return id == ID{} }

// String is the text form of the UUID, or "" for the zero ID.
func (id ID) String() string {
	if id.IsZero() {
		return ""
	}
	h := hex.EncodeToString(id[:])
	return h[0:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:32]
}

// UUIDValue lets pgx send the ID; the zero ID is NULL.
func (id ID) UUIDValue() (pgtype.UUID, error) {
	return pgtype.UUID{Bytes: id, Valid: !id.IsZero()}, nil
}

// ScanUUID lets pgx read the ID; NULL is the zero ID.
func (id *ID) ScanUUID(v pgtype.UUID) error {
	*id = ID{}
	if v.Valid {
		*id = v.Bytes
	}
	return nil
}

// idSpellings are the spellings under which an id of Cybersource may stand in old rows: as it is, in one case of letters throughout, and a UUID with or without its hyphens.
func idSpellings(text string) []string {
	forms := []string{text}
	if id, err := ParseID(text); err == nil {
		forms = append(forms, strings.ReplaceAll(id.String(), "-", ""))
	} else if raw, err := hex.DecodeString(text); err == nil && len(raw) == len(id) {
		forms = append(forms, ID(raw).String())
	}
	list := make([]string, 0, 3*len(forms))
	for _, form := range forms {
		for _, spelling := range []string{form, strings.ToLower(form), strings.ToUpper(form)} {
			if !slices.Contains(list, spelling) {
				list = append(list, spelling)
			}
		}
	}
	return list
}
