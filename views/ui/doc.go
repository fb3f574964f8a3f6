// Package ui holds the pieces every page of the console is made of.
//
// A piece is a pure function from plain values to HTML: no clock, no I/O, no
// decision about who may do what. It escapes everything, uses no style attribute
// and no inline script, and works without any script at all.
//
// # How to build a page
//
// A page is a templ component inside [layout.Shell], made of these, in this order:
//
//	@layout.Shell(page, ui.LinkButton(ui.Action{Label: "Create subscription", Href: paths.NewSubscription, Kind: ui.Primary, Icon: ui.IconPlus})) {
//		@ui.Filter(filter)                     // what the list shows; a plain GET form
//		@ui.Table(ui.TableHead{Caption: "Subscriptions", Columns: columns}) {
//			@ui.TableBody("subscriptions") {
//				for _, s := range items {
//					@ui.Row() {
//						@ui.RowLink("Name", s.Href) { { s.Name } }
//						@ui.Cell("Status") { @ui.StatusBadge(s.Status) }
//						@ui.NumCell("Last received") { @ui.Time(page.Clock, s.LastReceived) }
//					}
//				}
//			}
//		}
//		@ui.Pager(ui.PageLinks{Older: m.OlderHref})
//	}
//
// Types carry what a piece needs ([Action], [Field], [TableHead], …); functions of
// the piece's name draw it. Text that a person reads is passed in ready; statuses,
// times, sizes and durations are passed as values and worded here, so that they
// read alike everywhere.
//
// # Parts that htmx replaces
//
// Filter, Pager, Tabs and Payload take a Target: the selector of an element with an
// id, which is replaced whole. Draw that element in a component of its own, and use
// it in the page and as the answer to a partial request alike. Live keeps such a
// part up to date. An empty Target loads the page.
//
// # Beside each other, under each other
//
// [Stack], [Inline], [Grid] and [Split] hold pieces at even distances. Forms stand in
// an element of class form, which keeps them at a width that can be read. Class names
// other than form and hint belong to the pieces.
//
// # What there is
//
//   - Acting: [Button], [LinkButton], [PostButton], [Menu], [Dialog], [DialogLink]
//   - Asking: [TextField], [NumberField], [SelectField], [TextAreaField], [Checkbox],
//     [CheckboxGroups], [RadioCards], [ErrorSummary], [FormActions], [CSRF]
//   - Naming: [StatusBadge], [Badge], [Time], [TimeFull], [Duration], [ID], [Count], [Bytes], [Kbd]
//   - Listing: [Filter], [Table] with [Row], [Cell], [NumCell], [RowLink], [Pager], [NewRows], [Live], [RangeMenu]
//   - Showing: [Card], [Section], [Stat], [BarChart], [Sparkline], [LifeLine], [LifeStrip],
//     [RetryTimes], [ProbeStrip], [KeyValues], [Payload], [CodeBlock], [CopyField], [Tabs]
//   - Telling: [Alert], [Toast], [Empty], [Steps], [Skeleton], [Tip]
package ui
