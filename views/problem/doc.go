// Package problem is the page that stands where another one could not: not found,
// not allowed, something went wrong.
package problem
