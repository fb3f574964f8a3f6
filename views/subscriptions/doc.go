// Package subscriptions shows subscriptions: the list, one of them, the form that
// makes and changes them, and the page that asks before one is deleted.
//
// Everything that a person may not do comes as an action with its reason; nothing
// here decides who may do what.
package subscriptions
