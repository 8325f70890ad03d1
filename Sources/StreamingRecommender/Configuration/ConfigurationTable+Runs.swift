extension ConfigurationTable {
  static let runs: [ConfigurationKey] = [
    .string(
      "runs.store", \.runs.store, empty: "auto",
      "Directory or `s3://bucket/prefix` for the records of runs, which may be shared by many programs; `auto` is `<instance.data_dir>/run-records`, `none` writes no records."
    ),
    .int(
      "runs.keep", \.runs.keep, 1...1_000_000, "Number of records of retrains that the engine keeps; `freshet runs clean` removes others."),
    .string(
      "runs.webhook", \.runs.webhook, empty: "none",
      "Address, `http://` or `https://`, that the record of every ended run is posted to as JSON, without credentials; a failure is "
        + "reported and never fails the run."
    )
    .checked { ConfigurationCheck.httpAddress($0, secretsIn: "runs.webhook_secret_file") },
    .string(
      "runs.webhook_secret_file", \.runs.webhookSecretFile, empty: "none",
      "File (mode 0600) with the secret of the signature in `X-Freshet-Signature`: `sha256=` and the HMAC-SHA256 of the body."),
  ]

  static let mlflow: [ConfigurationKey] = [
    .string(
      "mlflow.uri", \.mlflow.uri, empty: "none",
      "Address of an MLflow server, such as `http://127.0.0.1:5000`, that ended runs are sent to; a failure is reported and never fails "
        + "the run."
    )
    .checked { ConfigurationCheck.httpAddress($0, secretsIn: "mlflow.token_file") },
    .string("mlflow.experiment", \.mlflow.experiment, "Name of the experiment; it is created if there is none."),
    .string(
      "mlflow.model", \.mlflow.model, empty: "none",
      "Name of a registered model: every accepted retrain becomes a version of it, with its item vectors."),
    .string("mlflow.alias", \.mlflow.alias, empty: "none", "The alias that the newest accepted version of the model gets."),
    .string(
      "mlflow.token_file", \.mlflow.tokenFile, empty: "none",
      "File (mode 0600) with a token, or with `user:password` for basic authentication."),
    .string("mlflow.ca_file", \.mlflow.caFile, empty: "none", "File with the certificates that the server's may be signed by, in PEM."),
    .duration(
      "mlflow.timeout", \.mlflow.timeout, Duration.seconds(1)...Duration.seconds(600),
      "Time for one request. Everything of a run together may take three times as long; then it is given up."),
  ]
}
