// Package layout is the frame around every page: head, rail, top bar, environment
// band, heading and flash.
//
// [Shell] frames the pages of a signed-in person, [Bare] the few others: sign-in,
// set-up, problems. Both take a [Page]; web fills it in one place for all pages.
//
//	@layout.Shell(page, action) {
//		… the page …
//	}
//
// action is the page's one main action, at the right of its heading; nil where there
// is none. Everything in the frame works without script: the rail opens as a popover
// on small screens, theme, zone and rail width are forms that post to /preferences,
// search is a GET form.
package layout
