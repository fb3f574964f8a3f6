package store

// The clock's statements, for the test of their plans.
const (
	DueSQL     = dueSQL
	AdvanceSQL = advanceSQL
)
