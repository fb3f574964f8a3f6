package main

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/switchboardhq/switchboard/cybs"
	"github.com/switchboardhq/switchboard/store"
)

// bench measures one database.
type bench struct {
	options
	out         io.Writer
	databaseURL string
	sealingKey  string
	scratch     string // a folder for files
	store       *store.Store
	token       string
	key         cybs.Key
	otherKey    cybs.Key // of the same id: what it signs is rejected
	pgbench     string
	postmaster  int
	numbers     atomic.Int64 // of events
	measured    map[string][]float64
	foreign     []float64 // cores that other programs used while something was measured
	full        *bench    // the same with a database that is not empty; nil: not asked for
	keeps       bool      // what is stored: this is the full one
}

func newBench(ctx context.Context, o options, databaseURL, scratch string, out io.Writer) (*bench, error) {
	raw := make([]byte, 32)
	_, _ = rand.Read(raw) // never fails since Go 1.24
	b := &bench{
		options: o, out: out, databaseURL: databaseURL, scratch: scratch, sealingKey: base64.StdEncoding.EncodeToString(raw), token: store.NewEndpointToken(),
		key: cybs.Key{ID: "bench-key", Secret: cybs.Secret(raw)}, otherKey: cybs.Key{ID: "bench-key", Secret: cybs.Secret("another")}, measured: make(map[string][]float64),
	}
	sealer, err := newSealer(b.sealingKey)
	if err != nil {
		return nil, err
	}
	if b.store, err = store.Open(ctx, store.Config{URL: databaseURL, Sealer: sealer, MaxConns: 2}); err != nil {
		return nil, err
	}
	if b.postmaster, err = postmaster(ctx, b.store.Pool()); err != nil {
		b.store.Close()
		return nil, err
	}
	for _, step := range []func(context.Context) error{b.findPgbench, b.seed} {
		if err := step(ctx); err != nil {
			b.store.Close()
			return nil, err
		}
	}
	return b, nil
}

// describeMachine prints what the figures depend on.
func (b *bench) describeMachine(ctx context.Context, version string) error {
	facts := make(map[string]string)
	for _, name := range []string{"synchronous_commit", "fsync", "full_page_writes", "wal_compression", "shared_buffers", "max_wal_size"} {
		var value string
		if err := b.store.Pool().QueryRow(ctx, "SELECT current_setting($1)", name).Scan(&value); err != nil {
			return fmt.Errorf("read settings: %w", err)
		}
		facts[name] = value
	}
	load, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return fmt.Errorf("read the load of the machine: %w", err)
	}
	_, err = fmt.Fprintf(b.out, "%d cores, %s, PostgreSQL %s, load %s; bodies of %d bytes, signed\n%v\n", runtime.NumCPU(), runtime.Version(), version, strings.Fields(string(load))[0], bodyBytes, facts)
	if err != nil {
		return fmt.Errorf("print: %w", err)
	}
	if facts["synchronous_commit"] != "on" || facts["fsync"] != "on" {
		return errors.New("the database does not keep what it commits: nothing is measured")
	}
	return nil
}

// measurement is one load of a receiver.
type measurement struct {
	name      string
	ungrouped bool
	load      load
	duration  time.Duration
	full      bool // at the database that is not empty
}

// runs are what a round measures, in this order; every other round goes backwards. What is compared stands side by side.
func (b *bench) runs() []measurement {
	var list []measurement
	for _, m := range []measurement{
		{name: "64", load: load{connections: 64}, duration: b.duration},
		{name: "256", load: load{connections: 256}, duration: b.duration},
		{name: "1", load: load{connections: 1}, duration: b.duration},
		{name: "3000", load: load{connections: 128, rate: 3000}, duration: b.duration},
	} {
		list = append(list, m, measurement{name: m.name + "/alone", ungrouped: true, load: m.load, duration: m.duration})
	}
	return append(list,
		measurement{name: "mixed", load: load{connections: 64, mixed: true}, duration: b.duration},
		measurement{name: "full", load: load{connections: 64}, duration: b.duration, full: true},
		measurement{name: "sustained", load: load{connections: 64}, duration: b.sustained})
}

// round measures everything once.
func (b *bench) round(ctx context.Context, number int) error {
	runs := b.runs()
	if number == 0 { // pgbench needs a row that was stored
		if err := b.one(ctx, measurement{name: "first", load: load{connections: 1}, duration: time.Second}); err != nil {
			return err
		}
	}
	row, err := b.storedRow(ctx)
	if err != nil {
		return err
	}
	if err := b.empty(ctx); err != nil {
		return err
	}
	rate, err := b.limit(ctx, row, b.duration)
	if err != nil {
		return err
	}
	b.keep("pgbench", rate)
	if err := b.print("round %d: pgbench with 64 clients %.0f rows/s\n", number+1, rate); err != nil {
		return err
	}
	for i := range runs {
		if number%2 == 1 {
			i = len(runs) - 1 - i
		}
		if b.only != "" && !slices.Contains(strings.Split(b.only, ","), runs[i].name) {
			continue
		}
		at := b
		if runs[i].full {
			if at = b.full; at == nil {
				continue
			}
		}
		if err := at.one(ctx, runs[i]); err != nil {
			return fmt.Errorf("measure %s: %w", runs[i].name, err)
		}
	}
	return nil
}

// usage is processor time: of the receiver and the database, of this program, and of everything.
type usage struct{ served, own, machine time.Duration }

func (b *bench) usage(c *child) (u usage, err error) {
	receiver, err := treeTime(c.cmd.Process.Pid)
	if err != nil {
		return u, err
	}
	database, err := treeTime(b.postmaster)
	if err != nil {
		return u, err
	}
	own, err := statOf(os.Getpid())
	if err != nil {
		return u, err
	}
	machine, err := machineTime()
	return usage{receiver + database, own.own, machine}, err
}

// one starts a receiver on empty tables, loads it, waits until everything is grouped, and keeps what it measured.
func (b *bench) one(ctx context.Context, r measurement) (err error) {
	if err := b.empty(ctx); err != nil {
		return err
	}
	c, err := b.startChild(ctx, r.ungrouped)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, c.stop()) }()
	idle, err := memory(c.cmd.Process.Pid, "VmRSS")
	if err != nil {
		return err
	}
	already, err := b.stored(ctx)
	if err != nil {
		return err
	}
	before, err := b.usage(c)
	if err != nil {
		return err
	}
	start := time.Now()
	got, err := b.send(ctx, c.address, r.load, r.duration)
	if err != nil {
		return err
	}
	ended := time.Now()
	if err := b.awaitGrouping(ctx); err != nil {
		return err
	}
	lag := time.Since(ended)
	after, err := b.usage(c)
	if err != nil {
		return err
	}
	peak, err := memory(c.cmd.Process.Pid, "VmHWM")
	if err != nil {
		return err
	}
	stored, err := b.stored(ctx)
	if err != nil {
		return err
	}
	perDelivery := (after.served - before.served) / time.Duration(max(stored-already, 1))
	foreign := max(0, (after.machine-before.machine-(after.served-before.served)-(after.own-before.own)).Seconds()/time.Since(start).Seconds())
	for name, value := range map[string]float64{
		"rate": got.perSecond(), "p50": got.p50.Seconds(), "p99": got.p99.Seconds(), "cpu": perDelivery.Seconds(), "lag": lag.Seconds(), "idle": idle, "peak": peak,
	} {
		b.keep(r.name+" "+name, value)
	}
	b.foreign = append(b.foreign, foreign)
	return b.print("  %-12s %6.0f/s  p50 %6.2f ms  p99 %6.2f ms  %4.0f µs of processor  lag %5.2f s  %2.0f → %2.0f MiB  others used %.2f cores\n",
		r.name, got.perSecond(), got.p50.Seconds()*1e3, got.p99.Seconds()*1e3, perDelivery.Seconds()*1e6, lag.Seconds(), idle, peak, foreign)
}

// stored is how many deliveries receivers have stored.
func (b *bench) stored(ctx context.Context) (int, error) {
	var n int
	if err := b.store.Pool().QueryRow(ctx, "SELECT coalesce(sum(deliveries), 0) FROM traffic_minutes").Scan(&n); err != nil {
		return 0, fmt.Errorf("count deliveries: %w", err)
	}
	return n, nil
}

func (b *bench) keep(name string, value float64) { b.measured[name] = append(b.measured[name], value) }

func (b *bench) print(format string, args ...any) error {
	if _, err := fmt.Fprintf(b.out, format, args...); err != nil {
		return fmt.Errorf("print: %w", err)
	}
	return nil
}

// awaitGrouping returns when every delivery has its notification.
func (b *bench) awaitGrouping(ctx context.Context) error {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		var waiting bool
		if err := b.store.Pool().QueryRow(ctx, "SELECT EXISTS (SELECT FROM grouping_queue)").Scan(&waiting); err != nil {
			return fmt.Errorf("wait for the grouping: %w", err)
		}
		if !waiting {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
