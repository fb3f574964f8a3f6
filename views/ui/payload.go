package ui

import (
	"encoding/hex"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// PayloadView is a body, as a tree, as raw text or as bytes.
type PayloadView struct {
	// Label names the body where a page shows several; empty means "Payload".
	Label string
	// Mode is tree (the zero value), raw or hex; each has its own address.
	Mode string
	// TreeHref, RawHref and HexHref lead to the modes; an empty one leaves its tab out.
	TreeHref, RawHref, HexHref string
	// DownloadHref leads to the body as a file; may be empty.
	DownloadHref string
	// Tree is needed in tree mode, Raw in the other two.
	Tree JSONTree
	Raw  []byte
	// Note says what the reader must know: "Card numbers are masked."
	Note string
	// Target is the CSS selector of the part that htmx replaces whole; empty loads the page.
	Target string
}

func (v PayloadView) tabs() []Tab {
	var tabs []Tab
	add := func(label, href, mode string) {
		if href != "" {
			tabs = append(tabs, Tab{Label: label, Href: href, Current: v.mode() == mode, Target: v.Target})
		}
	}
	add("Tree", v.TreeHref, "tree")
	add("Raw", v.RawHref, "raw")
	add("Hex", v.HexHref, "hex")
	return tabs
}

func (v PayloadView) mode() string {
	if v.Mode == "raw" || v.Mode == "hex" {
		return v.Mode
	}
	return "tree"
}

// rawText is the body as text that can be shown: bytes that are not UTF-8 become
// U+FFFD and control characters their pictures, but for line ends and tabs.
func rawText(raw []byte) string {
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\n' || r == '\t' || r == '\r':
			return r
		case r < 0x20:
			return 0x2400 + r
		case r == 0x7f:
			return 0x2421
		case unicode.Is(unicode.Bidi_Control, r):
			return utf8.RuneError
		}
		return r
	}, strings.ToValidUTF8(string(raw), "\uFFFD"))
}

// maxHexBytes bounds the hex view; the download has the rest.
const maxHexBytes = 16 << 10

// hexText is the body as hex with offsets, sixteen bytes a line.
func hexText(raw []byte) string {
	if len(raw) <= maxHexBytes {
		return hex.Dump(raw)
	}
	return hex.Dump(raw[:maxHexBytes]) + "… " + strconv.Itoa(len(raw)-maxHexBytes) + " more bytes, not shown here\n"
}

// open and close are the brackets of a container.
func (n JSONNode) open() string {
	if n.Kind == JSONObject {
		return "{"
	}
	return "["
}

func (n JSONNode) close() string {
	if n.Kind == JSONObject {
		return "}"
	}
	return "]"
}

func (n JSONNode) container() bool { return n.Kind == JSONObject || n.Kind == JSONArray }

// folded says what a closed container holds.
func (n JSONNode) folded() string {
	word := " items"
	if n.Kind == JSONObject {
		word = " members"
	}
	if len(n.Children) == 1 {
		word = strings.TrimSuffix(word, "s")
	}
	return strconv.Itoa(len(n.Children)) + word
}

func comma(last bool) string {
	if last {
		return ""
	}
	return ","
}

func lineID(n int) string { return "L" + strconv.Itoa(n) }

func (v PayloadView) label() string {
	if v.Label == "" {
		return "Payload"
	}
	return v.Label
}
