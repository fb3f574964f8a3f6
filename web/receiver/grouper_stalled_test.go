package receiver_test

import (
	"fmt"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/switchboardhq/switchboard/web/receiver"
)

// refuseNotifications makes the database fail with a code whenever a notification of an event type is written; "" of any.
func (d *door) refuseNotifications(t *testing.T, code, eventType string) {
	t.Helper()
	for _, sql := range []string{
		fmt.Sprintf(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN IF '%[2]s' IN ('', NEW.event_type) THEN RAISE EXCEPTION 'refused' USING ERRCODE = '%[1]s'; END IF; RETURN NEW; END $$`, code, eventType),
		"CREATE TRIGGER refuse BEFORE INSERT ON notifications FOR EACH ROW EXECUTE FUNCTION refuse()",
	} {
		if _, err := d.store.Pool().Exec(t.Context(), sql); err != nil {
			t.Fatal(err)
		}
	}
}

func TestOneDeliveryThatCannotBeGroupedStopsNothing(t *testing.T) {
	t.Parallel()
	d := newDoor(t)
	d.refuseNotifications(t, "0A000", "tms.networktoken.provisioned")
	for i := range 9 {
		n := notice{trace: fmt.Sprint("trace-", i), data: fmt.Sprintf(`{"n":%d}`, i)}
		if i == 3 {
			n.eventType = "tms.networktoken.provisioned"
		}
		wantStatus(t, d.signed(t, n.body()), http.StatusOK)
	}
	d.notifications(t, 8)
	if list, err := d.store.ListUngrouped(t.Context(), nil); err != nil || len(list) != 1 || list[0].Code != "0A000" {
		t.Errorf("set apart %+v, %v; want the one", list, err)
	}
	if err := d.CheckGrouping(); err != nil {
		t.Errorf("grouping: %v", err)
	}
}

func TestGroupingThatStandsStillIsSaid(t *testing.T) {
	t.Parallel()
	var ahead atomic.Int64
	d := newDoor(t, func(c *receiver.Config) {
		c.Now = func() time.Time { return time.Now().Add(time.Duration(ahead.Load())) }
	})
	d.refuseNotifications(t, "42501", "") // of which no delivery is the cause
	wantStatus(t, d.signed(t, notice{}.body()), http.StatusOK)
	d.await(t, "a try", func() bool { return d.gauge(t, "switchboard_grouping_stalled_seconds") > 0 })
	if err := d.CheckGrouping(); err != nil {
		t.Errorf("said at once: %v", err)
	}
	ahead.Store(int64(2 * time.Minute))
	if err := d.CheckGrouping(); err == nil {
		t.Error("grouping that has stood still for two minutes is not said")
	}
	if n := d.gauge(t, "switchboard_grouping_stalled_seconds"); n < 120 {
		t.Errorf("the gauge says %v seconds, want at least 120", n)
	}
	if _, err := d.store.Pool().Exec(t.Context(), "DROP TRIGGER refuse ON notifications"); err != nil {
		t.Fatal(err)
	}
	d.notifications(t, 1)
	d.await(t, "progress", func() bool { return d.CheckGrouping() == nil })
}
