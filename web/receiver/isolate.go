package receiver

import "github.com/switchboardhq/switchboard/store"

// isolateCounts writes a list of counts. One that the database refuses goes to lost and keeps no other waiting. With an error, left is what was not written.
func isolateCounts[T any](list []T, write func([]T) error, lost func(T, error)) (left []T, err error) {
	done := 0 // Isolate goes through the list in order
	err = store.Isolate(list, func(part []T) error {
		err := write(part)
		if err == nil {
			done += len(part)
		}
		return err
	}, func(item T, err error) error {
		done++
		lost(item, err)
		return nil
	})
	return list[done:], err
}
