package store

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// Page asks for a part of a list ordered by ID, newest first. Zero asks for the newest 50.
type Page struct {
	OlderThan ID  // what comes after this one in the list
	NewerThan ID  // what comes before this one, nearest first; OlderThan must be zero
	Limit     int // 0 means 50; at most 200
}

// PageOf is a part of a list, newest first.
type PageOf[T any] struct {
	Items    []T
	HasNewer bool // more is before the first item
	HasOlder bool // more is after the last item
}

func (p Page) limit() int {
	if p.Limit <= 0 {
		return 50
	}
	return min(p.Limit, 200)
}

// where collects conditions with their arguments; each ? becomes the next $n.
type where struct {
	conditions []string
	args       []any
}

func (w *where) add(condition string, args ...any) {
	for _, a := range args {
		w.args = append(w.args, a)
		condition = strings.Replace(condition, "?", fmt.Sprintf("$%d", len(w.args)), 1)
	}
	w.conditions = append(w.conditions, condition)
}

func (w *where) addIf(wanted bool, condition string, args ...any) {
	if wanted {
		w.add(condition, args...)
	}
}

// addOrganizations narrows to any of several; nil does not. A single one is compared, because an array keeps Postgres from reading the
// organization's index in order.
func (w *where) addOrganizations(ids []int64) {
	switch {
	case len(ids) == 1:
		w.add("organization_id = ?", ids[0])
	case ids != nil:
		w.add("organization_id = ANY(?)", ids)
	}
}

// addRange bounds the id by times of arrival, which prunes partitions.
func (w *where) addRange(from, to time.Time) {
	w.addIf(!from.IsZero(), "id >= ?", FloorID(from))
	w.addIf(!to.IsZero(), "id < ?", FloorID(to))
}

func (w *where) sql() string {
	if len(w.conditions) == 0 {
		return ""
	}
	return " WHERE " + strings.Join(w.conditions, " AND ")
}

func placeholder(text string, n int) string { return fmt.Sprintf("%s$%d", text, n) }

// planned has Postgres plan a statement for these very arguments each time. A plan made once for any arguments reads a whole table in
// order of time to find the rows of an organization or product that has none, and sums everybody's minutes to show one subscription's.
func planned(args []any) []any { return append([]any{pgx.QueryExecModeCacheDescribe}, args...) }

// query asks for one row more than the page shows, to know whether there is more.
func (p Page) query(selectFrom string, w *where) (string, []any) {
	order := "DESC"
	switch {
	case !p.OlderThan.IsZero():
		w.add("id < ?", p.OlderThan)
	case !p.NewerThan.IsZero():
		w.add("id > ?", p.NewerThan)
		order = "ASC"
	}
	return fmt.Sprintf("%s%s ORDER BY id %s LIMIT %d", selectFrom, w.sql(), order, p.limit()+1), w.args
}

func pageOf[T any](p Page, rows []T, id func(T) ID) PageOf[T] {
	more := len(rows) > p.limit()
	if more {
		rows = rows[:p.limit()]
	}
	page := PageOf[T]{Items: rows}
	switch {
	case !p.OlderThan.IsZero():
		page.HasNewer, page.HasOlder = true, more
	case !p.NewerThan.IsZero():
		slices.SortFunc(rows, func(a, b T) int { x, y := id(a), id(b); return -slices.Compare(x[:], y[:]) })
		page.HasNewer, page.HasOlder = more, true
	default:
		page.HasOlder = more
	}
	return page
}
