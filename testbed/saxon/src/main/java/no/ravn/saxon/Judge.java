package no.ravn.saxon;

import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.JsonObject;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;

/** Reads one JSON command a line from standard input and answers one JSON line each. */
public final class Judge {
  static final Gson GSON = new GsonBuilder().disableHtmlEscaping().create();
  private static final PrintStream OUT = System.out;

  private Judge() {}

  public static void main(String[] args) throws Exception {
    System.setOut(System.err);
    JsonObject ready = new JsonObject();
    ready.addProperty("ready", true);
    ready.addProperty("saxon", net.sf.saxon.Version.getProductVersion());
    ready.addProperty("pid", ProcessHandle.current().pid());
    print(ready);
    Expressions expressions = null; // made when it is needed: it reaches into Saxon 9
    Rules rules = new Rules();
    SchXslt schxslt = new SchXslt();
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line = in.readLine(); line != null; line = in.readLine()) {
      JsonObject cmd = GSON.fromJson(line, JsonObject.class);
      JsonObject answer = new JsonObject();
      answer.add("id", cmd.get("id"));
      try {
        switch (cmd.get("cmd").getAsString()) {
          case "xpath" -> {
            if (expressions == null) {
              expressions = new Expressions();
            }
            expressions.run(cmd, answer);
          }
          case "schematron" -> rules.run(cmd, answer);
          case "schxslt" -> schxslt.compile(cmd);
          case "time" -> rules.time(cmd, answer);
          default -> throw new IllegalArgumentException("there is no such command");
        }
        answer.addProperty("ok", true);
      } catch (Exception | StackOverflowError e) {
        answer.addProperty("ok", false);
        answer.addProperty("error", String.valueOf(e));
        e.printStackTrace();
      }
      print(answer);
    }
  }

  private static void print(JsonObject o) {
    byte[] line = (GSON.toJson(o) + "\n").getBytes(StandardCharsets.UTF_8);
    OUT.write(line, 0, line.length);
    OUT.flush();
  }
}
