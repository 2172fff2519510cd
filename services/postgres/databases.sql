-- One database per service; each service makes its own tables.
create database registration;
create database badging;
create database notifications;
