package mask

// String is Text for a short text, such as a header's name or value: it returns the very string when there is nothing to hide.
func String(text string) string {
	if masked := Text([]byte(text)); masked.Found > 0 {
		return string(masked.Text)
	}
	return text
}
