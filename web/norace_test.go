//go:build !race

package web_test

import "time"

// longestPage is how long a page may take on a machine that does nothing else.
const longestPage = time.Second
