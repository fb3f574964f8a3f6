package store_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/store"
	"github.com/switchboardhq/switchboard/store/storetest"
)

// refuse makes the database fail with a code whenever a notification of the event type "bad" is written.
func refuse(t *testing.T, s *store.Store, code string) {
	t.Helper()
	for _, sql := range []string{
		fmt.Sprintf(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF NEW.event_type = 'bad' THEN RAISE EXCEPTION 'refused' USING ERRCODE = '%s'; END IF; RETURN NEW; END $$`, code),
		"CREATE TRIGGER refuse BEFORE INSERT ON notifications FOR EACH ROW EXECUTE FUNCTION refuse()",
	} {
		if _, err := s.Pool().Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
}

// mixed stores n deliveries of which those at the given places cannot be grouped.
func mixed(t *testing.T, s *store.Store, n int, bad ...int) []*store.Delivery {
	t.Helper()
	a := newArrivals(t, s)
	list := make([]*store.Delivery, n)
	for i := range list {
		list[i] = a.at(monday.Add(time.Duration(i)*time.Second), event(fmt.Sprint("good", i), 0))
	}
	for _, i := range bad {
		list[i].EventType = "bad"
		list[i].EventDate = fmt.Sprint(i)
	}
	insert(t, s, list...)
	return list
}

func ungrouped(t *testing.T, s *store.Store) []store.Ungrouped {
	t.Helper()
	list, err := s.ListUngrouped(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	return list
}

// Whatever code the database gives, what cannot be grouped is set apart, and nothing else waits for it.
func TestWhatCannotBeGroupedIsSetApartAndTheOthersGoOn(t *testing.T) {
	t.Parallel()
	for code, bad := range map[string][]int{
		"22P05": {0}, "22P02": {19}, "22021": {7}, "22003": {3, 4}, "54000": {1, 18}, "54001": {5}, "0A000": {0, 1, 2, 3, 4, 5, 6}, "23514": {11}, "23505": {11}, "21000": {2}, "P0001": {9}, "XX001": {19}, "2202E": {6},
	} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			s, clock := newClockedStore(t)
			refuse(t, s, code)
			list := mixed(t, s, 20, bad...)
			total := 0
			for n := -1; n != 0; total += n {
				n = group(t, s, describe)
			}
			if total != 20 {
				t.Errorf("took %d, want 20", total)
			}
			if n := count(t, s, "SELECT count(*) FROM notifications"); n != 20-len(bad) {
				t.Errorf("%d notifications, want %d", n, 20-len(bad))
			}
			apart := ungrouped(t, s)
			if len(apart) != len(bad) || count(t, s, "SELECT count(*) FROM grouping_queue") != 0 {
				t.Fatalf("set apart %+v, want those at %v", apart, bad)
			}
			newest := list[bad[len(bad)-1]]
			if got := apart[0]; got.DeliveryID != newest.ID || got.Code != code || got.EventType != "bad" || got.OrganizationID != newest.OrganizationID || got.FailedAt.IsZero() {
				t.Errorf("set apart %+v, want %s with code %s", got, newest.ID, code)
			}
			if list, err := s.ListUngrouped(t.Context(), []int64{newest.OrganizationID + 1}); err != nil || len(list) != 0 {
				t.Errorf("another organization has %v, %v", list, err)
			}

			if _, err := s.Pool().Exec(t.Context(), "DROP TRIGGER refuse ON notifications"); err != nil {
				t.Fatal(err)
			}
			if n, err := s.RegroupFailed(t.Context(), clock.now().Add(-time.Hour)); err != nil || n != 0 {
				t.Errorf("put back %d, %v at once; want 0", n, err)
			}
			if n, err := s.RegroupFailed(t.Context(), clock.now().Add(time.Hour)); err != nil || n != len(bad) {
				t.Errorf("put back %d, %v; want %d", n, err, len(bad))
			}
			group(t, s, describe)
			if n := count(t, s, "SELECT count(*) FROM notifications"); n != 20 || len(ungrouped(t, s)) != 0 {
				t.Errorf("%d notifications, want 20 once the database takes them", n)
			}
		})
	}
}

// A database that is away, busy or not as it must be is no fault of a delivery: all of them wait.
func TestDeliveriesWaitForADatabaseThatIsNotAsItMustBe(t *testing.T) {
	t.Parallel()
	for _, code := range []string{"53100", "53200", "40001", "40P01", "55P03", "57014", "42501", "25006", "58030", "08006"} {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			s := storetest.New(t)
			refuse(t, s, code)
			mixed(t, s, 8, 0)
			if n, err := s.GroupNext(t.Context(), 100, describe); err == nil || n != 0 {
				t.Errorf("grouped %d, %v; want an error", n, err)
			}
			if apart := ungrouped(t, s); len(apart) != 0 || count(t, s, "SELECT count(*) FROM grouping_queue") != 8 {
				t.Errorf("set apart %+v, want all to wait", apart)
			}
		})
	}
}

func TestRowThatCannotBeReadIsSetApart(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	list := mixed(t, s, 9)
	if _, err := s.Pool().Exec(t.Context(), `UPDATE deliveries SET headers = '{"no": "list"}' WHERE id = $1`, list[4].ID); err != nil {
		t.Fatal(err)
	}
	group(t, s, describe)
	if apart := ungrouped(t, s); len(apart) != 1 || apart[0].DeliveryID != list[4].ID || apart[0].Code != "" || count(t, s, "SELECT count(*) FROM notifications") != 8 {
		t.Errorf("set apart %+v, want the fifth alone", apart)
	}
}

func TestPanicOverOneDeliveryKeepsNoOtherWaiting(t *testing.T) {
	t.Parallel()
	s := storetest.New(t)
	list := mixed(t, s, 9, 4)
	group(t, s, func(d store.Delivery) store.Description {
		if d.EventType == "bad" {
			panic("bad")
		}
		return describe(d)
	})
	if apart := ungrouped(t, s); len(apart) != 1 || apart[0].DeliveryID != list[4].ID || count(t, s, "SELECT count(*) FROM notifications") != 8 {
		t.Errorf("set apart %+v, want the fifth alone", apart)
	}
}

// What Postgres' jsonb, an index or a number cannot hold costs at most the copy that is searched.
func TestPayloadThatTheDatabaseRefusesIsLeftOut(t *testing.T) {
	t.Parallel()
	for name, payload := range map[string]string{
		"too deep":         nested(100_000),
		"NUL":              `{"a":"\u0000"}`,
		"lone surrogate":   `{"a":"\ud800"}`,
		"number too large": `{"a":1e999999}`,
		"not JSON":         `{"a":`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := storetest.New(t)
			mixed(t, s, 9, 4)
			group(t, s, func(d store.Delivery) store.Description {
				described := describe(d)
				if d.EventType == "bad" {
					described.Payload = json.RawMessage(payload)
				}
				return described
			})
			if n := count(t, s, "SELECT count(*) FROM notifications"); n != 9 || len(ungrouped(t, s)) != 0 {
				t.Errorf("%d notifications, set apart %+v; want 9 and nothing", n, ungrouped(t, s))
			}
			if n := count(t, s, "SELECT count(*) FROM notifications WHERE payload IS NULL"); n != 1 {
				t.Errorf("%d without payload, want 1", n)
			}
		})
	}
}

func nested(depth int) string {
	text := make([]byte, 0, 2*depth+1)
	for range depth {
		text = append(text, '[')
	}
	text = append(text, '1')
	for range depth {
		text = append(text, ']')
	}
	return string(text)
}

func TestDatabaseWithAnotherEncodingGroupsWhatItCan(t *testing.T) {
	t.Parallel()
	for _, encoding := range []string{"SQL_ASCII", "LATIN1"} {
		t.Run(encoding, func(t *testing.T) {
			t.Parallel()
			address := storetest.DatabaseEncoded(t, encoding)
			s := storetest.New(t, func(c *store.Config) { c.URL = address })
			mixed(t, s, 9, 4)
			group(t, s, func(d store.Delivery) store.Description {
				described := describe(d)
				if d.EventType == "bad" {
					described.Payload = json.RawMessage(`{"name":"caf\u00e9 \u4e16"}`)
				}
				return described
			})
			if n := count(t, s, "SELECT count(*) FROM notifications"); n != 9 {
				t.Errorf("%d notifications, want 9", n)
			}
		})
	}
}

func TestIsolateFindsWhatCausesTheError(t *testing.T) {
	t.Parallel()
	errData, errAway := errors.New("bad value"), fmt.Errorf("away: %w", store.ErrUnavailable)
	for name, c := range map[string]struct {
		list  []int // negative: refused; 0: the database goes away
		alone int
		want  error
	}{
		"nothing":         {nil, 0, nil},
		"all good":        {[]int{1, 2, 3}, 0, nil},
		"one":             {[]int{-1}, 1, nil},
		"first and last":  {[]int{-1, 2, 3, 4, -5}, 2, nil},
		"all":             {[]int{-1, -2, -3}, 3, nil},
		"away":            {[]int{1, 0, 2}, 0, errAway},
		"away after some": {[]int{-1, 2, 3, 0}, 0, errAway},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			written, alone := 0, 0
			err := store.Isolate(c.list, func(part []int) error {
				for _, n := range part {
					if n == 0 {
						return errAway
					}
				}
				for _, n := range part {
					if n < 0 {
						return errData
					}
				}
				written += len(part)
				return nil
			}, func(int, error) error { alone++; return nil })
			if !errors.Is(err, c.want) || alone != c.alone || c.want == nil && written+alone != len(c.list) {
				t.Errorf("wrote %d, %d alone, %v; want %d alone, %v", written, alone, err, c.alone, c.want)
			}
		})
	}
}
