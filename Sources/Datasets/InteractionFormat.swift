/// The line format of an interaction file.
public enum InteractionFormat: String, Sendable, CaseIterable {
  case tsv, csv, jsonl
}
