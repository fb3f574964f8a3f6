package cybs

import (
	"encoding/json"
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestScheduleOfTheReference(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		policy RetryPolicy
		want   []int // minutes
	}{
		{"default", DefaultRetryPolicy(), []int{1, 2, 3}},
		{"arithmetic of the specification", RetryPolicy{Algorithm: Arithmetic, FirstRetry: 10, Interval: 30, NumberOfRetries: 3}, []int{10, 40, 70}},
		{"geometric of the specification", RetryPolicy{Algorithm: Geometric, FirstRetry: 10, Interval: 30, NumberOfRetries: 3}, []int{10, 300, 9000}},
		{"arithmetic of the token guide", RetryPolicy{Algorithm: Arithmetic, FirstRetry: 5, Interval: 5, NumberOfRetries: 4}, []int{5, 10, 15, 20}},
		{"geometric doubling", RetryPolicy{Algorithm: Geometric, FirstRetry: 1, Interval: 2, NumberOfRetries: 5}, []int{1, 2, 4, 8, 16}},
		{
			"repeated sequence of the token guide",
			RetryPolicy{Algorithm: Arithmetic, FirstRetry: 5, Interval: 5, NumberOfRetries: 4, RepeatSequenceCount: 4, RepeatSequenceWaitTime: 5},
			[]int{5, 10, 15, 20, 30, 35, 40, 45, 55, 60, 65, 70, 80, 85, 90, 95, 105, 110, 115, 120},
		},
		{"no algorithm is arithmetic", RetryPolicy{FirstRetry: 2, Interval: 3, NumberOfRetries: 2}, []int{2, 5}},
		{"no retries", RetryPolicy{Algorithm: Arithmetic, FirstRetry: 1, Interval: 1}, nil},
		{"negative numbers", RetryPolicy{FirstRetry: -1, Interval: 1, NumberOfRetries: 3}, nil},
		{"constant ratio", RetryPolicy{Algorithm: Geometric, FirstRetry: 3, Interval: 1, NumberOfRetries: 3}, []int{3, 3, 3}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var want []time.Duration
			var cover time.Duration
			for _, m := range tc.want {
				cover = time.Duration(m) * time.Minute
				want = append(want, cover)
			}
			if diff := cmp.Diff(want, tc.policy.Schedule()); diff != "" {
				t.Errorf("schedule differs (-want +got):\n%s", diff)
			}
			if got := tc.policy.Cover(); got != cover {
				t.Errorf("cover: got %v, want %v", got, cover)
			}
		})
	}
}

func TestScheduleIsBounded(t *testing.T) {
	t.Parallel()
	huge := math.MaxInt
	for _, p := range []RetryPolicy{
		{Algorithm: Geometric, FirstRetry: 10, Interval: 30, NumberOfRetries: huge},
		{Algorithm: Geometric, FirstRetry: huge, Interval: huge, NumberOfRetries: huge},
		{Algorithm: Geometric, FirstRetry: 1, Interval: huge, NumberOfRetries: 5},
		{Algorithm: Arithmetic, FirstRetry: 1, Interval: huge, NumberOfRetries: huge},
		{Algorithm: Arithmetic, FirstRetry: 0, Interval: 0, NumberOfRetries: huge, RepeatSequenceCount: huge},
		{Algorithm: Arithmetic, FirstRetry: 1, Interval: 1, NumberOfRetries: 1, RepeatSequenceCount: huge, RepeatSequenceWaitTime: huge},
		{Algorithm: Arithmetic, FirstRetry: 1, Interval: 1, NumberOfRetries: 1, RepeatSequenceCount: huge},
	} {
		offsets := p.Schedule()
		if len(offsets) > MaxScheduleRetries || p.Cover() > MaxScheduleCover {
			t.Errorf("%+v: %d retries over %v", p, len(offsets), p.Cover())
		}
		for i, d := range offsets {
			if d < 0 || i > 0 && d < offsets[i-1] {
				t.Fatalf("%+v: offset %d is %v", p, i, d)
			}
		}
		if err := p.Validate(); err == nil {
			t.Errorf("%+v: want it refused", p)
		}
	}
}

func TestValidateNamesTheFields(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name   string
		policy RetryPolicy
		want   []string
	}{
		{"default", DefaultRetryPolicy(), nil},
		{"no retries at all", RetryPolicy{Algorithm: Arithmetic}, nil},
		{"unknown algorithm", RetryPolicy{Algorithm: "EXPONENTIAL", FirstRetry: 1}, []string{"algorithm"}},
		{"ratio of nothing", RetryPolicy{Algorithm: Geometric, FirstRetry: 1, NumberOfRetries: 3}, []string{"interval"}},
		{
			"everything negative",
			RetryPolicy{Arithmetic, -1, -1, -1, -1, -1, false},
			[]string{"firstRetry", "interval", "numberOfRetries", "repeatSequenceCount", "repeatSequenceWaitTime"},
		},
		{"too many", RetryPolicy{Algorithm: Arithmetic, NumberOfRetries: MaxScheduleRetries + 1}, []string{"numberOfRetries"}},
		{"too long", RetryPolicy{Algorithm: Geometric, FirstRetry: 10, Interval: 30, NumberOfRetries: 5}, []string{"numberOfRetries"}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			err := tc.policy.Validate()
			var v *ValidationError
			if (err != nil) != (tc.want != nil) || err != nil && (!errors.As(err, &v) || !errors.Is(err, ErrInvalidArgument)) {
				t.Fatalf("got %v, want a ValidationError of %v", err, tc.want)
			}
			var got []string
			if v != nil {
				for _, f := range v.Fields {
					got = append(got, f.Field)
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("fields differ (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRetryPolicyReadsEveryType(t *testing.T) {
	t.Parallel()
	want := RetryPolicy{Geometric, 2, 3, 4, 5, 6, true}
	for _, text := range []string{
		`{"algorithm":"GEOMETRIC","firstRetry":2,"interval":3,"numberOfRetries":4,"deactivateFlag":true,"repeatSequenceCount":5,"repeatSequenceWaitTime":6}`,
		`{"algorithm":"Geometric","firstRetry":"2","interval":"3","numberOfRetries":" 4 ","deactivateFlag":"true","repeatSequenceCount":"5","repeatSequenceWaitTime":6.0}`,
	} {
		var got RetryPolicy
		if err := json.Unmarshal([]byte(text), &got); err != nil || got != want {
			t.Errorf("got %+v, %v, want %+v", got, err, want)
		}
	}
	var absent RetryPolicy
	if err := json.Unmarshal([]byte(`{"firstRetry":null,"interval":""}`), &absent); err != nil || absent != DefaultRetryPolicy() {
		t.Errorf("got %+v, %v, want the default", absent, err)
	}
	var odd RetryPolicy
	if err := json.Unmarshal([]byte(`{"firstRetry":1e300}`), &odd); err != nil || odd.FirstRetry != math.MaxInt32 {
		t.Errorf("got %+v, %v, want the number held at its bound", odd, err)
	}
	if err := json.Unmarshal([]byte(`{"firstRetry":"often"}`), &odd); err == nil {
		t.Error("want words refused")
	}
}

func TestRetryPolicyIsWrittenAsTheSDKDoes(t *testing.T) {
	t.Parallel()
	got, err := json.Marshal(RetryPolicy{Geometric, 2, 3, 4, 5, 6, true})
	want := `{"algorithm":"GEOMETRIC","firstRetry":2,"interval":3,"numberOfRetries":4,"deactivateFlag":"true","repeatSequenceCount":5,"repeatSequenceWaitTime":6}`
	if err != nil || string(got) != want {
		t.Errorf("got %s, %v, want %s", got, err, want)
	}
}
