// Without a file like this one, Go wants a body for each function that the host provides.
