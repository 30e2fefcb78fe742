-- One database for each service, on one server.
CREATE DATABASE receiving;
CREATE DATABASE sending;
CREATE DATABASE directory;
CREATE DATABASE "authorization";
