// Package team has the pages about the people who may sign in: the list, the form for somebody new, and one person.
package team
