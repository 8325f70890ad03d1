extension ConfigurationTable {
  static let store: [ConfigurationKey] = [
    .string(
      "store.endpoint", \.store.endpoint, empty: "none",
      "S3 server as `http://host:port` or `https://...`, without credentials; without it, `AWS_ENDPOINT_URL_S3` or "
        + "`AWS_ENDPOINT_URL` of the environment, else AWS. `endpoint` in an s3:// address replaces it."
    )
    .checked(ConfigurationCheck.storeEndpoint),
    .string(
      "store.region", \.store.region, empty: "none",
      "Region for which requests are signed; without it, `AWS_REGION` or `AWS_DEFAULT_REGION` of the environment, else us-east-1. "
        + "`region` in an s3:// address replaces it."),
    .choice(
      "store.style", \.store.style,
      "Where the name of a bucket stands: in the path of a request, or in front of the host; auto is the host at AWS and the path "
        + "elsewhere. `style` in an s3:// address replaces it."),
    .string(
      "store.credentials_file", \.store.credentialsFile, empty: "none",
      "File with `aws_access_key_id`, `aws_secret_access_key` and, if need be, `aws_session_token` below `[default]`, or below the "
        + "profile that `AWS_PROFILE` names; mode 0600, read again at every request. Without it, `AWS_ACCESS_KEY_ID`, "
        + "`AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN` of the environment."),
    .string(
      "store.ca_file", \.store.caFile, empty: "none",
      "File with the certificates that a server's certificate may be signed by, in PEM; without it, those of the system."),
    .duration(
      "store.timeout", \.store.timeout, Duration.seconds(1)...Duration.seconds(600),
      "Time without any progress after which a request has failed; it is then repeated a few times."),
  ]
}
