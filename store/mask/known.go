package mask

// uuidAt recognises a UUID that begins at i, where a piece of letters and digits begins. Its groups are no card number.
func uuidAt(src []byte, i int) (end int, ok bool) {
	const size = 36
	if i+size > len(src) || src[i+8] != '-' || i > 0 && isAlphanumeric(src[i-1]) {
		return 0, false
	}
	for j := range size {
		c := src[i+j]
		switch j {
		case 8, 13, 18, 23:
			if c != '-' {
				return 0, false
			}
		default:
			if !isHex(c) {
				return 0, false
			}
		}
	}
	if i+size < len(src) && isAlphanumeric(src[i+size]) {
		return 0, false
	}
	return i + size, true
}

// inDigest reports whether src[start:end] is part of a hexadecimal id or digest: a piece of letters and digits of the length of one, with
// letters in it. Digits in it mean nothing.
func inDigest(src []byte, start, end int) bool {
	const longest = 128
	for start > 0 && isHex(src[start-1]) && end-start <= longest {
		start--
	}
	for end < len(src) && isHex(src[end]) && end-start <= longest {
		end++
	}
	if start > 0 && isAlphanumeric(src[start-1]) || end < len(src) && isAlphanumeric(src[end]) || allDigits(src[start:end]) {
		return false
	}
	switch end - start {
	case 24, 32, 40, 48, 56, 64, 96, longest:
		return true
	}
	return false
}
