# Varnish as a cache of tickets. The bench fills in what stands between @.
vcl 4.1;

backend origin {
    .host = "127.0.0.1";
    .port = "@ORIGIN_PORT@";
    .max_connections = 1024;
}

# Its own rules would pass whatever has Authorization.
sub vcl_recv {
    if (req.method != "GET") {
        return (pass);
    }
    return (hash);
}

sub vcl_hash {
    hash_data(req.url);
    hash_data(req.http.Authorization);
    return (lookup);
}

# Nothing is kept past its time: neither to be given out stale, nor to be validated.
sub vcl_backend_response {
    set beresp.grace = 0s;
    set beresp.keep = 0s;
    return (deliver);
}
